//! A way to a server on which every answer is late.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Result;

/// Passes on what is said to `server`, and each piece of what it answers so much later. Ends with this process.
pub(super) fn serve(server: SocketAddr, by: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Who cannot be passed on is hung up on.
            pass_on(client, server, by).ok();
        }
    });
    Ok(address)
}

fn pass_on(client: TcpStream, server: SocketAddr, by: Duration) -> Result<()> {
    let server = TcpStream::connect(server)?;
    let (asking, answering) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || copy(asking, server, Duration::ZERO));
    std::thread::spawn(move || copy(answering, client, by));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, late: Duration) {
    let mut piece = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        std::thread::sleep(late);
        let Some(said) = piece.get(..length) else {
            break;
        };
        if to.write_all(said).is_err() {
            break;
        }
    }
    for end in [from, to] {
        end.shutdown(std::net::Shutdown::Both).ok();
    }
}
