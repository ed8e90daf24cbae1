-- Products, who bought or waits for them, what is offered and the coupons of it. Money is in minor units of its currency.

CREATE TABLE products (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    external_id TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C",
    currency TEXT COLLATE "C" NOT NULL,
    price_minor BIGINT NOT NULL,
    -- NULL: stock is not counted.
    stock BIGINT,
    is_active BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT products_external_id_unique UNIQUE (external_id)
);
CREATE INDEX products_updated ON products (updated_at, id);
CREATE INDEX products_category ON products (category, updated_at) WHERE category IS NOT NULL;

-- Appended, never changed but for handled_at: when triggers have looked at the change.
CREATE TABLE price_changes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    -- NULL: the first price.
    old_currency TEXT COLLATE "C",
    old_minor BIGINT,
    currency TEXT COLLATE "C" NOT NULL,
    new_minor BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    handled_at BIGINT
);
CREATE INDEX price_changes_product ON price_changes (product_id, at);
CREATE INDEX price_changes_new ON price_changes (id) WHERE handled_at IS NULL;

CREATE TABLE stock_changes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    -- NULL: not counted.
    old_stock BIGINT,
    new_stock BIGINT,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    handled_at BIGINT
);
CREATE INDEX stock_changes_product ON stock_changes (product_id, at);
CREATE INDEX stock_changes_new ON stock_changes (id) WHERE handled_at IS NULL;

CREATE TABLE purchases (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    external_id TEXT COLLATE "C",
    order_id TEXT COLLATE "C",
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES products (id),
    quantity BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    unit_minor BIGINT NOT NULL,
    -- Of the whole line.
    refunded_minor BIGINT NOT NULL,
    is_verified BIGINT NOT NULL,
    purchased_at BIGINT NOT NULL,
    delivered_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT purchases_external_id_unique UNIQUE (external_id)
);
CREATE INDEX purchases_lead ON purchases (lead_id, purchased_at);
-- Who bought it, in the order in which a fan-out walks.
CREATE INDEX purchases_product ON purchases (product_id, lead_id);
CREATE INDEX purchases_when ON purchases (purchased_at, id);
CREATE INDEX purchases_order ON purchases (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE interests (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    -- Bought, called for, or taken back.
    ended_at BIGINT,
    CONSTRAINT interests_unique UNIQUE (lead_id, product_id, kind)
);
CREATE INDEX interests_waiting ON interests (product_id, lead_id) WHERE ended_at IS NULL;
CREATE INDEX interests_when ON interests (created_at, id);

CREATE TABLE campaign_products (
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    PRIMARY KEY (campaign_id, product_id)
);
CREATE INDEX campaign_products_product ON campaign_products (product_id);

CREATE TABLE offers (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    campaign_id TEXT COLLATE "C" REFERENCES campaigns (id) ON DELETE CASCADE,
    -- Starts the coupon: PRICE_DROP in PRICE_DROP-15-….
    label TEXT COLLATE "C" NOT NULL,
    -- Either a share in basis points or an amount.
    percent_bp BIGINT,
    amount_minor BIGINT,
    currency TEXT COLLATE "C",
    valid_from BIGINT,
    valid_until BIGINT,
    coupon_hours BIGINT,
    policy TEXT COLLATE "C" NOT NULL,
    is_active BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT offers_key_unique UNIQUE (key),
    CHECK ((percent_bp IS NULL) <> (amount_minor IS NULL))
);
CREATE INDEX offers_updated ON offers (updated_at, id);

-- What a campaign may give away. What is promised by open coupons is reserved, what was redeemed is spent.
CREATE TABLE offer_budgets (
    campaign_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES campaigns (id) ON DELETE CASCADE,
    currency TEXT COLLATE "C" NOT NULL,
    total_minor BIGINT NOT NULL,
    reserved_minor BIGINT NOT NULL CHECK (reserved_minor >= 0),
    spent_minor BIGINT NOT NULL CHECK (spent_minor >= 0),
    updated_at BIGINT NOT NULL
);

CREATE TABLE coupons (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The eleven symbols, without label and dashes.
    code TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    -- What it was issued for: asking again gives the same coupon.
    issue_key TEXT COLLATE "C" NOT NULL,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    offer_id TEXT COLLATE "C" NOT NULL REFERENCES offers (id),
    product_id TEXT COLLATE "C" REFERENCES products (id),
    campaign_id TEXT COLLATE "C",
    trigger_id TEXT COLLATE "C",
    percent_bp BIGINT,
    amount_minor BIGINT,
    currency TEXT COLLATE "C" NOT NULL,
    -- The most it can cost; held in the campaign's budget while the coupon is open.
    reserved_minor BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    order_id TEXT COLLATE "C",
    order_minor BIGINT,
    -- What the redemption cost.
    value_minor BIGINT,
    CONSTRAINT coupons_code_unique UNIQUE (code),
    CONSTRAINT coupons_issue_unique UNIQUE (issue_key)
);
CREATE INDEX coupons_lead ON coupons (lead_id, issued_at);
CREATE INDEX coupons_campaign ON coupons (campaign_id, state);
CREATE INDEX coupons_offer ON coupons (offer_id, state);
CREATE INDEX coupons_issued ON coupons (issued_at, id);
CREATE INDEX coupons_expiring ON coupons (expires_at) WHERE state = 'issued';

-- Failed redemptions, one row per client: until when its allowance is used up.
CREATE TABLE redemption_limits (
    client TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    used_until BIGINT NOT NULL
);
CREATE INDEX redemption_limits_used ON redemption_limits (used_until);
