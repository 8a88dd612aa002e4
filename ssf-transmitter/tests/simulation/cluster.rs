//! The nodes of a world, each of which is started anew when it has ended.

use std::sync::{Arc, Mutex};

use super::{chance, node::Node, world::World};

/// The nodes of a world.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    nodes: Vec<Mutex<Arc<Node>>>,
}

impl Cluster {
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let node = || Mutex::new(Node::start(world));
        let cluster = Arc::new(Self {
            world: Arc::clone(world),
            nodes: std::iter::repeat_with(node)
                .take(world.plan.nodes)
                .collect(),
        });
        for number in 0..world.plan.nodes {
            let keeping = keep_node(Arc::clone(&cluster), number);
            tokio::spawn(world.oracle.watches(keeping));
        }
        for number in 0..world.plan.applications {
            let keeping = keep_application(Arc::clone(world), number);
            tokio::spawn(world.oracle.watches(keeping));
        }
        cluster
    }

    pub(crate) fn node(&self, number: usize) -> Arc<Node> {
        Arc::clone(&self.nodes[number].lock().unwrap())
    }

    pub(crate) fn any_node(&self) -> Arc<Node> {
        self.node(chance::index(self.nodes.len()))
    }

    /// Has any node do something; `None` if nobody is told what came of it.
    pub(crate) async fn asks<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<Node>) -> F + Send + 'static,
    ) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let world = &self.world;
        world.travel().await;
        if world.strikes(world.plan.lost) {
            return None;
        }
        let node = self.any_node();
        let process = Arc::clone(&node.process);
        let answer = process.call(async move { work(node).await }).await;
        world.travel().await;
        answer.filter(|_| !world.strikes(world.plan.lost))
    }

    /// Starts a node once more, unless it was started by somebody else.
    fn restart(&self, number: usize) {
        if self.world.plan.is_alone() {
            self.world.database.memory().release_leases();
        }
        self.world.oracle.note(&format!("node {number} starts"));
        *self.nodes[number].lock().unwrap() = Node::start(&self.world);
    }

    /// The weather clears, and nothing breaks any more.
    pub(crate) fn calm(&self) {
        self.world.calm();
        for number in 0..self.nodes.len() {
            self.node(number).process.spare();
        }
        for application in &self.world.applications {
            application.process().spare();
        }
    }

    /// Tells all nodes to stop, and waits until they have.
    pub(crate) async fn stop(&self) {
        for number in 0..self.nodes.len() {
            self.node(number).stop().await;
        }
    }
}

/// Starts a node again whenever it has ended, after a while.
async fn keep_node(cluster: Arc<Cluster>, number: usize) {
    loop {
        let node = cluster.node(number);
        node.process.ended().await;
        cluster.world.oracle.note(&format!("node {number} ended"));
        if cluster.world.is_over() {
            return;
        }
        if !node.is_stopping() {
            cluster.world.oracle.happens("a node dies");
        }
        chance::pause(0..=4000).await;
        cluster.restart(number);
    }
}

async fn keep_application(world: Arc<World>, number: usize) {
    let application = &world.applications[number];
    loop {
        application.process().ended().await;
        world.oracle.note(&format!("application {number} ended"));
        world.oracle.happens("an application dies");
        chance::pause(0..=4000).await;
        application.restart(&world.oracle).await;
        world.oracle.note(&format!("application {number} starts"));
    }
}
