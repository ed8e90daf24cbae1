//! Requests go first. Work that nobody waits for begins while none is under way, so that a request, which writes several times, meets
//! it once at most. It makes nobody wait for anything: it only tells the others when to be polite.

use tokio::sync::watch;

/// How many requests are under way in this process.
#[derive(Debug, Default)]
pub struct RightOfWay(watch::Sender<usize>);

impl RightOfWay {
    /// A request is under way while the answer lives.
    #[must_use]
    pub fn enter(&self) -> UnderWay<'_> {
        self.0.send_modify(|requests| *requests += 1);
        UnderWay(self)
    }

    /// Waits for a moment without requests. Among many there may be none: set a limit.
    pub async fn clear(&self) {
        // An error would say that the sender is gone, and it is ours.
        let _ = self.0.subscribe().wait_for(|requests| *requests == 0).await;
    }
}

#[derive(Debug)]
pub struct UnderWay<'a>(&'a RightOfWay);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_clear(way: &RightOfWay) -> bool {
        pin!(way.clear()).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn the_way_is_clear_when_the_last_request_is_answered() {
        let way = RightOfWay::default();
        assert!(is_clear(&way));
        let (one, other) = (way.enter(), way.enter());
        drop(one);
        assert!(!is_clear(&way));
        drop(other);
        assert!(is_clear(&way));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_last_answer() {
        let way = RightOfWay::default();
        let request = way.enter();
        tokio::join!(biased; way.clear(), async { drop(request) });
    }
}
