use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One keep-alive connection of a publisher that costs next to nothing, so
/// that what is measured is the server.
pub(super) struct PublisherConnection {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

impl PublisherConnection {
    pub(super) async fn open(server: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let head = format!("host: {server}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        Ok(Self { stream, head, buffer: vec![0; 16 * 1024] })
    }

    /// The status of the answer, which is read to its end.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<u16> {
        let head = &self.head;
        let request = format!("POST {path} HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).await?;
        let mut read = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[read..]).await?;
            anyhow::ensure!(count > 0, "the server closed the connection");
            read += count;
            if let Some(status) = complete(&self.buffer[..read])? {
                return Ok(status);
            }
        }
    }
}

fn complete(answer: &[u8]) -> anyhow::Result<Option<u16>> {
    let text = std::str::from_utf8(answer)?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(None) };
    let status = head.split(' ').nth(1).context("not an HTTP answer")?.parse()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    Ok((body.len() >= length.parse()?).then_some(status))
}
