//! What is served: one list, from which both the routes and their description are made.

use std::future::ready;

use actix_web::{
    HttpResponse, Resource, Route, guard,
    http::Method,
    web::{self, Data, ServiceConfig},
};
use utoipa::{
    Path,
    openapi::{
        HttpMethod, Paths, Server,
        path::{Operation, PathItem},
    },
};

use super::{problem::Problem, site::Site};

/// Resources that belong together, in the order in which their operations were added.
pub(super) struct Endpoints {
    tag: &'static str,
    resources: Vec<Described>,
}

/// A path with its operations.
struct Described {
    path: String,
    operations: Vec<(HttpMethod, Route, Operation)>,
}

impl Endpoints {
    /// A list without endpoints, to be described under `tag`.
    pub(super) fn tagged(tag: &'static str) -> Self {
        Self {
            tag,
            resources: Vec::new(),
        }
    }

    /// Adds a handler at the path and with the method of its description `P`.
    pub(super) fn with<P: Path>(self, handler: Route) -> Self {
        self.with_at::<P>(P::path(), handler)
    }

    /// Adds a handler whose path depends on the configuration.
    pub(super) fn with_at<P: Path>(mut self, path: String, handler: Route) -> Self {
        // A handler is described with one method; without any there is nothing to serve.
        let Some(method) = P::methods().into_iter().next() else {
            return self;
        };
        let mut operation = P::operation();
        operation.tags = Some(vec![self.tag.to_owned()]);
        let added = (method, handler, operation);
        match self.resources.iter_mut().find(|it| it.path == path) {
            Some(known) => known.operations.push(added),
            None => self.resources.push(Described {
                path,
                operations: vec![added],
            }),
        }
        self
    }

    /// Adds the routes; all other methods are refused. `site` is the issuer whose endpoints these are, if they are one's.
    pub(super) fn serve(self, config: &mut ServiceConfig, site: Option<&Data<Site>>) {
        for described in self.resources {
            let resource = described.resource();
            config.service(match site {
                Some(site) => resource.app_data(site.clone()),
                None => resource,
            });
        }
    }

    /// Adds the description, with `server` in front of the paths.
    pub(super) fn describe(self, paths: &mut Paths, server: &Server) {
        for described in self.resources {
            let mut item = PathItem::default();
            item.servers = Some(vec![server.clone()]);
            paths.paths.insert(described.path.clone(), item);
            for (method, _, operation) in described.operations {
                paths.add_path_operation(&described.path, vec![method], operation);
            }
        }
    }
}

impl Described {
    fn resource(self) -> Resource {
        let methods: Vec<Method> = self.operations.iter().map(|it| method(&it.0)).collect();
        // What can only be read can be asked for without its content as well.
        let is_read_only = methods == [Method::GET];
        let mut resource = web::resource(self.path);
        for ((_, handler, _), method) in self.operations.into_iter().zip(&methods) {
            let guard = guard::Any(guard::Method(method.clone()));
            let guard = if is_read_only {
                guard.or(guard::Head())
            } else {
                guard
            };
            resource = resource.route(handler.guard(guard));
        }
        let mut allowed: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if is_read_only {
            allowed.push("HEAD");
        }
        resource.default_service(all_else_refused(allowed.join(", ")))
    }
}

fn all_else_refused(allowed: String) -> Route {
    web::to(move || {
        ready(Err::<HttpResponse, _>(Problem::method_not_allowed(
            &allowed,
        )))
    })
}

fn method(described: &HttpMethod) -> Method {
    match described {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}
