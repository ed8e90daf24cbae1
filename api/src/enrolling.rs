//! Which campaign an enrollment belongs to when nobody says. One rule for the API and the command line.

use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::id::CampaignId;
use callwright_engine::store::{StoreError, Tx, campaign};

/// The campaign whose key is the cadence's name, else the only active one; otherwise why it cannot be told.
pub async fn campaign_for(tx: &mut Tx, cadence: &str) -> Result<Result<CampaignId, String>, StoreError> {
    if let Some(own) = campaign::resolve(tx, cadence).await? {
        return Ok(Ok(own));
    }
    // Three rows tell none, one and several apart.
    let active = campaign::page(tx, Some(CampaignStatus::Active), None, 3).await?.items;
    Ok(match active.as_slice() {
        [only] => Ok(only.id),
        [] => Err(format!(
            "there is no active campaign to call for; make one with `callwright campaign create {cadence} …`"
        )),
        [..] => {
            Err("several campaigns are active; name one with `campaignId` (on the command line: --campaign)"
                .to_owned())
        }
    })
}
