//! When it is time to stop.

use tokio::sync::watch;

/// Tells the loops to stop. Dropping it does so, too.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Is told to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// Makes a pair of the two.
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Tells everybody to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it is time to stop.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until it is time to stop.
    pub(crate) async fn stopping(&mut self) {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_told_to_stop_knows_it_at_once_and_later() {
        let (stopper, mut stop) = stop();
        assert!(!stop.is_stopping());
        stopper.stop();
        stop.stopping().await;
        assert!(stop.is_stopping());
    }

    #[tokio::test]
    async fn a_lost_stopper_is_a_reason_to_stop() {
        let (stopper, mut stop) = stop();
        drop(stopper);
        stop.stopping().await;
        assert!(stop.is_stopping());
    }
}
