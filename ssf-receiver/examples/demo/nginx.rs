//! nginx in front of an application, with the file that the documentation shows.

use std::{
    fs, io,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::net::TcpSocket;

/// The file.
pub(crate) const CONFIGURATION: &str = include_str!("../../../docs/proxies/nginx.conf");

/// What Debian calls the program, where its directory is not searched by everybody.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port that nginx will listen on, and that nobody else gets meanwhile.
pub(crate) struct Port {
    /// Bound, with `SO_REUSEPORT`, and never listening: so that nginx can bind it as well, and gets all connections.
    _socket: TcpSocket,
    number: u16,
}

impl Port {
    pub(crate) fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let number = socket.local_addr()?.port();
        Ok(Self {
            _socket: socket,
            number,
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// What stands behind `listen` in the file, but for `ssl`.
    pub(crate) fn listen(&self) -> String {
        format!("127.0.0.1:{} reuseport", self.number)
    }
}

/// A running nginx; dropping it kills it.
pub(crate) struct Nginx {
    child: Child,
    port: Port,
}

impl Nginx {
    /// Starts it in a directory that is there, and waits until it listens.
    ///
    /// Each text of `adapted` stands once in the file of the documentation, and is replaced by the one beside it.
    pub(crate) async fn start(
        directory: &Path,
        port: Port,
        adapted: &[(&str, &str)],
    ) -> io::Result<Self> {
        let mut configuration = CONFIGURATION.to_owned();
        for (text, other) in adapted {
            if configuration.matches(text).count() != 1 {
                return Err(io::Error::other(format!("{text} is not there once")));
            }
            configuration = configuration.replace(text, other);
        }
        let path = |name: &str| directory.join(name).display().to_string();
        fs::write(path("site.conf"), configuration)?;
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};", path(kind)))
            .join(" ");
        let around = format!(
            "daemon off; master_process off; pid {}; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary} include {}; }}\n",
            path("pid"),
            path("site.conf"),
        );
        fs::write(path("nginx.conf"), around)?;
        let child = Command::new(program()?)
            .args(["-p", &path(""), "-c", &path("nginx.conf"), "-e", "stderr"])
            .stdin(Stdio::null())
            .stderr(fs::File::create(path("stderr.log"))?)
            .spawn()?;
        let mut nginx = Self { child, port };
        nginx.listens(Path::new(&path("stderr.log"))).await?;
        Ok(nginx)
    }

    async fn listens(&mut self, log: &Path) -> io::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port.number)).is_err() {
            let has_ended = self.child.try_wait()?.is_some();
            if has_ended || begun.elapsed() > PATIENCE {
                let told = fs::read_to_string(log)?;
                return Err(io::Error::other(format!("nginx does not listen: {told}")));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // There is nothing to do about a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program's name, or what to do about it.
fn program() -> io::Result<&'static str> {
    let is_there = |name: &&str| Command::new(name).arg("-v").output().is_ok();
    let found = PROGRAMS.into_iter().find(is_there);
    found.ok_or_else(|| {
        io::Error::other("nginx is missing: install it with `sudo apt-get install nginx`")
    })
}
