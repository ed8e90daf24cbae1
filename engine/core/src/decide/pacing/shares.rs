//! Dividing what may go among those who want it, and whose turn it is.

use super::{Lane, REMEMBERED};
use crate::clock::Instant;
use crate::scatter::scatter;

/// Lanes in the order of their turns: first whose latest calls lie longest ago on average. Calls that a lane has not made yet
/// count as long ago as anybody's, so a new one is served at once, and from then on as the others are. Between lanes that this
/// does not tell apart, because it was longer ago that one of them had a call more, lots are drawn.
pub(super) fn turns(lanes: &[Lane], now: Instant) -> Vec<usize> {
    let micros = |at: &Instant| i128::from(at.timestamp_micros());
    let nth = |lane: &Lane, place: usize| lane.load.latest.get(place).map(micros);
    let mut oldest = micros(&now);
    let mut sums = vec![0; lanes.len()];
    for place in 0..REMEMBERED as usize {
        oldest = lanes.iter().filter_map(|lane| nth(lane, place)).min().unwrap_or(oldest);
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum += nth(lane, place).unwrap_or(oldest);
        }
    }
    let mut turns: Vec<usize> = (0..lanes.len()).collect();
    turns.sort_by_key(|index| {
        let lane = &lanes[*index];
        (sums[*index], lane.load.latest.len(), lot(lane, now), lane.campaign)
    });
    turns
}

/// Another one at each instant. Lanes that begin do so in their own order.
fn lot(lane: &Lane, now: Instant) -> u64 {
    if lane.load.latest.is_empty() {
        return 0;
    }
    let (high, low) = lane.campaign.0.as_u64_pair();
    scatter(scatter(now.timestamp_micros() as u64) ^ high ^ scatter(low))
}

/// Divides `room` evenly among lanes that take at most so much each; what one cannot take goes to the others, and what does
/// not divide to the first ones. Lanes that get nothing are left out.
pub(super) fn shares(room: usize, lanes: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut given: Vec<(usize, usize)> = lanes.iter().map(|(lane, _)| (*lane, 0)).collect();
    let mut left = room;
    loop {
        let wanting: Vec<usize> =
            (0..lanes.len()).filter(|place| given[*place].1 < lanes[*place].1).collect();
        if left == 0 || wanting.is_empty() {
            given.retain(|(_, most)| *most > 0);
            return given;
        }
        let each = (left / wanting.len()).max(1);
        for place in wanting {
            let more = each.min(lanes[place].1 - given[place].1).min(left);
            given[place].1 += more;
            left -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shares;

    const ALL: usize = usize::MAX;

    #[test]
    fn what_does_not_divide_goes_to_the_first() {
        assert_eq!(shares(5, &[(7, ALL), (3, ALL), (5, ALL)]), [(7, 2), (3, 2), (5, 1)]);
        assert_eq!(shares(2, &[(7, ALL), (3, ALL), (5, ALL)]), [(7, 1), (3, 1)]);
    }

    #[test]
    fn what_one_cannot_take_goes_to_the_others() {
        assert_eq!(shares(10, &[(0, 1), (1, ALL), (2, 3)]), [(0, 1), (1, 6), (2, 3)]);
        assert_eq!(shares(10, &[(0, 1), (1, 2)]), [(0, 1), (1, 2)]);
        assert_eq!(shares(10, &[]), []);
    }
}
