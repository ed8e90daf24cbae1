//! Each fault as the dialer's client meets it: it fires, and the client draws the right conclusion.

use super::*;

fn faulty(faults: Faults) -> ServerOptions {
    ServerOptions { faults, ..options(Scripted::RINGS_OUT) }
}

/// The carrier's clock stands still until it is set.
fn still(faults: Faults) -> ServerOptions {
    ServerOptions { clock: ClockSetting::Virtual { at: noon(), rate: 0.0 }, ..faulty(faults) }
}

fn later(line: &Line, seconds: i64) {
    line.server.set_clock(ClockSetting::Virtual { at: noon() + TimeDelta::seconds(seconds), rate: 0.0 });
}

fn fired(line: &Line, fault: &str) -> u64 {
    line.server.fired().get(fault).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_429_is_busy_for_as_long_as_it_says_and_the_carrier_is_left_alone() {
    let line = Line::open(faulty(Faults { too_many_requests: 1.0, ..Faults::default() })).await;
    let Placement::Busy { after, .. } = line.place(&line.call()).await else { panic!("not busy") };
    assert!((1..=120).contains(&after.num_seconds()), "{after}");
    let Placement::Busy { after: rest, .. } = line.place(&line.call()).await else { panic!("not busy") };
    assert!(rest <= after, "{rest}");
    assert_eq!((line.audit().requests, line.audit().calls), (1, 0), "the second was not even asked for");
    assert_eq!(fired(&line, "tooManyRequests"), 1);
}

#[tokio::test]
async fn a_broken_connection_is_unknown_with_and_without_a_call() {
    let before = Line::open(faulty(Faults { reset_before_accept: 1.0, ..Faults::default() })).await;
    let call = before.call();
    assert!(matches!(before.place(&call).await, Placement::Unknown { .. }));
    assert_eq!(before.look_up(&call).await, LookUpResult::Absent);
    assert_eq!((before.audit().calls, fired(&before, "resetBeforeAccept")), (0, 1));

    let after = Line::open(faulty(Faults { reset_after_accept: 1.0, ..Faults::default() })).await;
    let call = after.call();
    assert!(matches!(after.place(&call).await, Placement::Unknown { .. }));
    assert!(matches!(after.look_up(&call).await, LookUpResult::Found { .. }));
    assert_eq!((after.audit().calls, fired(&after, "resetAfterAccept")), (1, 1));
}

#[tokio::test]
async fn an_answer_that_trickles_is_not_waited_for_and_its_call_is_found() {
    let line = Line::open(faulty(Faults { slow_answer: 1.0, ..Faults::default() })).await;
    let call = line.call();
    assert!(matches!(line.place(&call).await, Placement::Unknown { .. }));
    assert!(matches!(line.look_up(&call).await, LookUpResult::Found { .. }));
    assert_eq!(fired(&line, "slowAnswer"), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_and_unknown() {
    let endless = Router::new().route("/calls", post(|| async { "x".repeat(3_000_000) }));
    let url = Url::parse(&listen(endless).await).unwrap();
    let timeout = HttpCarrierOptions::TIMEOUT;
    let options = HttpCarrierOptions { url, callback_url: String::new(), token: None, timeout };
    let line = Line::open(faulty(Faults::default())).await;
    let placements = HttpCarrier::new(options).unwrap().ask(vec![line.call()], Deadline::NEVER).await;
    let Placement::Unknown { reason } = &placements[0] else { panic!("{placements:?}") };
    assert!(reason.contains("too long"), "{reason}");
}

#[tokio::test]
async fn it_may_ring_before_the_request_is_answered() {
    let line = Line::open(still(Faults { early_callback: 1.0, ..Faults::default() })).await;
    line.place(&line.call()).await;
    let heard = line.dialer.heard.lock().unwrap().len();
    assert!(heard >= 1, "heard when the answer came");
    assert_eq!(fired(&line, "earlyCallback"), 1);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_the_callback_comes_again() {
    let line = Line::open(faulty(Faults { forge_callback: 1.0, ..Faults::default() })).await;
    line.place(&line.call()).await;
    assert_eq!(line.heard_until("ended").await, ["ringing", "ended"]);
    assert_eq!(fired(&line, "forgeCallback"), 2);
}

#[tokio::test]
async fn a_look_up_that_fails_proves_nothing() {
    let line = Line::open(faulty(Faults { fail_look_up: 1.0, ..Faults::default() })).await;
    let call = line.call();
    line.place(&call).await;
    assert!(matches!(line.look_up(&call).await, LookUpResult::Failed { .. }));
    assert_eq!(fired(&line, "failLookUp"), 1);
}

#[tokio::test]
async fn a_list_that_is_behind_shows_the_call_well_before_a_look_up_is_conclusive() {
    for (faults, name) in [
        (Faults { lag_look_up: 1.0, ..Faults::default() }, "lagLookUp"),
        (Faults { stale_look_up: 1.0, ..Faults::default() }, "staleLookUp"),
    ] {
        let line = Line::open(still(faults)).await;
        let call = line.call();
        line.place(&call).await;
        assert_eq!(line.look_up(&call).await, LookUpResult::Absent);
        assert_eq!(fired(&line, name), 1);
        later(&line, i64::from(Faults::LATEST_LISTING_S) + 1);
        assert!(matches!(line.look_up(&call).await, LookUpResult::Found { .. }), "{name}");
    }
}

#[tokio::test]
async fn calls_beyond_the_carriers_rate_are_queued_and_counted() {
    let line = Line::open(still(Faults { calls_per_second: 1.0, ..Faults::default() })).await;
    let calls: Vec<CallRequest> = (0..4).map(|_| line.call()).collect();
    let placements = line.provider.ask(calls.clone(), Deadline::NEVER).await;
    assert!(placements.iter().all(|placement| matches!(placement, Placement::Accepted { .. })));
    assert_eq!((line.audit().calls, line.audit().queued, fired(&line, "queued")), (4, 3, 3));
    let Placement::Accepted { provider_call_id } = &placements[3] else { panic!("{placements:?}") };
    line.provider.hang_up(provider_call_id).await.unwrap();
    assert_eq!(line.heard_until("ended").await.last(), Some(&"ended"), "a queued call can be taken back");
}

#[tokio::test]
async fn a_number_of_the_table_brings_its_fault_once() {
    let line = Line::open(faulty(Faults { by_suffix: true, ..Faults::default() })).await;
    let first = CallRequest { to: PhoneNumber::e164_only("+12124569005").unwrap(), ..line.call() };
    assert!(matches!(line.place(&first).await, Placement::Unknown { .. }));
    let second = CallRequest { visit: 2, ..CallRequest { to: first.to, ..line.call() } };
    assert!(matches!(line.place(&second).await, Placement::Accepted { .. }));
}
