//! The gateway of the deployment, with the real nginx: one address in front of both services.

use std::{fs, process::Command};

use super::kafka::free_port;
use crate::process::{Process, data_folder};

const TEMPLATE: &str = include_str!("../../../deploy/nginx.conf");

/// Starts it in front of the two services, and gives its address.
///
/// # Panics
/// When there is no nginx, or the configuration does not suit it.
pub(super) async fn start(command_origin: &str, query_origin: &str) -> (Process, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let host = |origin: &str| origin.trim_start_matches("http://").to_owned();
    let values = [
        ("${LISTEN}", address.clone()),
        ("${COMMAND_UPSTREAM}", host(command_origin)),
        ("${QUERY_UPSTREAM}", host(query_origin)),
    ];
    let text = values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(name, value));
    let folder = data_folder();
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, text).expect("the configuration can be written");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-c").arg(&configuration).args(["-e", "stderr", "-g", "daemon off;"]);
    let mut process = Process::start("gateway", command, &[&folder]);
    let origin = format!("http://{address}");
    process.ready(&origin).await;
    (process, origin)
}
