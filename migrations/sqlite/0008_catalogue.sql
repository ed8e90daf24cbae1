-- Products, who bought or waits for them, what is offered and the coupons of it. Money is in minor units of its currency.

CREATE TABLE products (
    id TEXT NOT NULL PRIMARY KEY,
    external_id TEXT,
    name TEXT NOT NULL,
    category TEXT,
    currency TEXT NOT NULL,
    price_minor INTEGER NOT NULL,
    -- NULL: stock is not counted.
    stock INTEGER,
    is_active INTEGER NOT NULL,
    tags TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT products_external_id_unique UNIQUE (external_id)
) STRICT;
CREATE INDEX products_updated ON products (updated_at, id);
CREATE INDEX products_category ON products (category, updated_at) WHERE category IS NOT NULL;

-- Appended, never changed but for handled_at: when triggers have looked at the change.
CREATE TABLE price_changes (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    -- NULL: the first price.
    old_currency TEXT,
    old_minor INTEGER,
    currency TEXT NOT NULL,
    new_minor INTEGER NOT NULL,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    handled_at INTEGER
) STRICT;
CREATE INDEX price_changes_product ON price_changes (product_id, at);
CREATE INDEX price_changes_new ON price_changes (id) WHERE handled_at IS NULL;

CREATE TABLE stock_changes (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    -- NULL: not counted.
    old_stock INTEGER,
    new_stock INTEGER,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    handled_at INTEGER
) STRICT;
CREATE INDEX stock_changes_product ON stock_changes (product_id, at);
CREATE INDEX stock_changes_new ON stock_changes (id) WHERE handled_at IS NULL;

CREATE TABLE purchases (
    id TEXT NOT NULL PRIMARY KEY,
    external_id TEXT,
    order_id TEXT,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    product_id TEXT NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    currency TEXT NOT NULL,
    unit_minor INTEGER NOT NULL,
    -- Of the whole line.
    refunded_minor INTEGER NOT NULL,
    is_verified INTEGER NOT NULL,
    purchased_at INTEGER NOT NULL,
    delivered_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT purchases_external_id_unique UNIQUE (external_id)
) STRICT;
CREATE INDEX purchases_lead ON purchases (lead_id, purchased_at);
-- Who bought it, in the order in which a fan-out walks.
CREATE INDEX purchases_product ON purchases (product_id, lead_id);
CREATE INDEX purchases_when ON purchases (purchased_at, id);
CREATE INDEX purchases_order ON purchases (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE interests (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Bought, called for, or taken back.
    ended_at INTEGER,
    CONSTRAINT interests_unique UNIQUE (lead_id, product_id, kind)
) STRICT;
CREATE INDEX interests_waiting ON interests (product_id, lead_id) WHERE ended_at IS NULL;
CREATE INDEX interests_when ON interests (created_at, id);

CREATE TABLE campaign_products (
    campaign_id TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    PRIMARY KEY (campaign_id, product_id)
) STRICT;
CREATE INDEX campaign_products_product ON campaign_products (product_id);

CREATE TABLE offers (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    campaign_id TEXT REFERENCES campaigns (id) ON DELETE CASCADE,
    -- Starts the coupon: PRICE_DROP in PRICE_DROP-15-….
    label TEXT NOT NULL,
    -- Either a share in basis points or an amount.
    percent_bp INTEGER,
    amount_minor INTEGER,
    currency TEXT,
    valid_from INTEGER,
    valid_until INTEGER,
    coupon_hours INTEGER,
    policy TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT offers_key_unique UNIQUE (key),
    CHECK ((percent_bp IS NULL) <> (amount_minor IS NULL))
) STRICT;
CREATE INDEX offers_updated ON offers (updated_at, id);

-- What a campaign may give away. What is promised by open coupons is reserved, what was redeemed is spent.
CREATE TABLE offer_budgets (
    campaign_id TEXT NOT NULL PRIMARY KEY REFERENCES campaigns (id) ON DELETE CASCADE,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    reserved_minor INTEGER NOT NULL CHECK (reserved_minor >= 0),
    spent_minor INTEGER NOT NULL CHECK (spent_minor >= 0),
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE coupons (
    id TEXT NOT NULL PRIMARY KEY,
    -- The eleven symbols, without label and dashes.
    code TEXT NOT NULL,
    label TEXT NOT NULL,
    -- What it was issued for: asking again gives the same coupon.
    issue_key TEXT NOT NULL,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    offer_id TEXT NOT NULL REFERENCES offers (id),
    product_id TEXT REFERENCES products (id),
    campaign_id TEXT,
    trigger_id TEXT,
    percent_bp INTEGER,
    amount_minor INTEGER,
    currency TEXT NOT NULL,
    -- The most it can cost; held in the campaign's budget while the coupon is open.
    reserved_minor INTEGER NOT NULL,
    state TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    order_id TEXT,
    order_minor INTEGER,
    -- What the redemption cost.
    value_minor INTEGER,
    CONSTRAINT coupons_code_unique UNIQUE (code),
    CONSTRAINT coupons_issue_unique UNIQUE (issue_key)
) STRICT;
CREATE INDEX coupons_lead ON coupons (lead_id, issued_at);
CREATE INDEX coupons_campaign ON coupons (campaign_id, state);
CREATE INDEX coupons_offer ON coupons (offer_id, state);
CREATE INDEX coupons_issued ON coupons (issued_at, id);
CREATE INDEX coupons_expiring ON coupons (expires_at) WHERE state = 'issued';

-- Failed redemptions, one row per client: until when its allowance is used up.
CREATE TABLE redemption_limits (
    client TEXT NOT NULL PRIMARY KEY,
    used_until INTEGER NOT NULL
) STRICT;
CREATE INDEX redemption_limits_used ON redemption_limits (used_until);
