//! The same parts as containers, for machines with a Docker engine.
//!
//! The images are those of docker-compose.yml; a change of version belongs to both. Ports are mapped to 127.0.0.1, so
//! an engine on another machine is of no use here and is passed over.

use std::time::Duration;

use testcontainers::core::wait::LogWaitStrategy;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};
use tokio::net::TcpStream;
use tracing::{info, warn};

use crate::kafka::settings::{ALONE, VERSION};
use crate::{paths, random};

/// The first start fetches the image.
const PATIENCE: Duration = Duration::from_secs(300);
const KAFKA_PORT: u16 = 9092;
const POSTGRES_PORT: u16 = 5432;

/// A running container.
#[derive(Debug)]
pub struct Container {
    /// How clients reach it.
    pub address: String,
    container: ContainerAsync<GenericImage>,
}

impl Container {
    /// PostgreSQL 17; `None` (and a line that says why) if it cannot be had.
    pub async fn postgres() -> Option<Self> {
        let password = random::hex().ok()?;
        let port = paths::free_port().ok()?;
        // The image starts the server twice, the first time to make the database.
        let ready = LogWaitStrategy::stderr("database system is ready to accept connections").with_times(2);
        let request = GenericImage::new("postgres", "17")
            .with_wait_for(WaitFor::log(ready))
            .with_cmd(["postgres", "-c", "fsync=off", "-c", "jit=off"])
            .with_mapped_port(port, POSTGRES_PORT.tcp())
            .with_env_var("POSTGRES_USER", "segments")
            .with_env_var("POSTGRES_DB", "segments")
            .with_env_var("POSTGRES_PASSWORD", &password);
        Self::start(request, port, format!("postgres://segments:{password}@127.0.0.1:{port}/segments")).await
    }

    /// Apache Kafka in KRaft mode; `None` (and a line that says why) if it cannot be had.
    pub async fn kafka() -> Option<Self> {
        let port = paths::free_port().ok()?;
        let mut request = GenericImage::new("apache/kafka", VERSION)
            .with_wait_for(WaitFor::message_on_stdout("Kafka Server started"))
            .with_mapped_port(port, KAFKA_PORT.tcp())
            .with_env_var("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@127.0.0.1:9093")
            .with_env_var("KAFKA_LISTENERS", format!("PLAINTEXT://:{KAFKA_PORT},CONTROLLER://127.0.0.1:9093"))
            .with_env_var("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT://127.0.0.1:{port}"));
        for (name, value) in ALONE {
            request = request.with_env_var(image_variable(name), value);
        }
        Self::start(request, port, format!("127.0.0.1:{port}")).await
    }

    /// Stops and removes the container.
    pub async fn remove(self) {
        if let Err(error) = self.container.rm().await {
            warn!(%error, "could not remove a container");
        }
    }

    async fn start(request: ContainerRequest<GenericImage>, port: u16, address: String) -> Option<Self> {
        let started: Result<_, TestcontainersError> = request.with_startup_timeout(PATIENCE).start().await;
        match started {
            Ok(container) if TcpStream::connect(("127.0.0.1", port)).await.is_ok() => Some(Self { address, container }),
            Ok(_) => {
                info!("the docker engine is not on this machine, not using it");
                None
            }
            Err(error) => {
                info!(%error, "not using docker");
                None
            }
        }
    }
}

/// The image's name for a broker setting: `node.id` is `KAFKA_NODE_ID`.
fn image_variable(setting: &str) -> String {
    format!("KAFKA_{}", setting.to_uppercase().replace('.', "_"))
}
