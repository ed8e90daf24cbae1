//! What a campaign may give away. A promise reserves its highest cost, a redemption turns that into what it did cost, an expired
//! promise gives it back. When nothing is left, nothing more is promised.

use crate::id::CampaignId;
use crate::money::{Money, MoneyError};

/// `reserved + spent ≤ total`, unless somebody lowered the total below what is promised already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub campaign_id: CampaignId,
    pub total: Money,
    pub reserved: Money,
    pub spent: Money,
}

impl Budget {
    pub const fn new(campaign_id: CampaignId, total: Money) -> Self {
        let nothing = Money::zero(total.currency());
        Self { campaign_id, total, reserved: nothing, spent: nothing }
    }

    /// What may still be promised; negative after the total was lowered below the promises.
    pub fn left(&self) -> Result<Money, MoneyError> {
        self.total.checked_sub(self.reserved)?.checked_sub(self.spent)
    }

    /// Reserves `cost` and answers whether there was enough left. Other currencies are never enough.
    pub fn reserve(&mut self, cost: Money) -> bool {
        let fits = self.left().and_then(|left| left.checked_sub(cost)).is_ok_and(|rest| !rest.is_negative());
        let Ok(reserved) = self.reserved.checked_add(cost) else { return false };
        if fits {
            self.reserved = reserved;
        }
        fits
    }

    /// A promise of `reserved` was redeemed for `cost`.
    pub fn commit(&mut self, reserved: Money, cost: Money) -> Result<(), MoneyError> {
        let spent = self.spent.checked_add(cost)?;
        self.release(reserved)?;
        self.spent = spent;
        Ok(())
    }

    /// A promise of `reserved` came to nothing.
    pub fn release(&mut self, reserved: Money) -> Result<(), MoneyError> {
        self.reserved = self.reserved.checked_sub(reserved)?;
        Ok(())
    }
}
