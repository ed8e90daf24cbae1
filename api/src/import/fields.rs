//! What rows of each kind can say, and the headings by which files know it.

use callwright_engine::store::import::ImportKind;

/// How a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Amounts as well: their digits must not become a float.
    Text,
    Flag,
    Whole,
    /// Separated by `;`.
    List,
    /// Numbers separated by `;`.
    Numbers,
}

/// Field, its reading, and headings by which files know it beside its own name (lower case, letters and digits only).
pub type Field = (&'static str, Cell, &'static [&'static str]);

/// The fields of one kind of rows.
#[derive(Debug)]
pub struct Fields {
    pub known: &'static [Field],
    /// The object that takes what is not known; `None`: rows have no fields of the sender's own.
    pub own: Option<&'static str>,
}

pub const fn fields_of(kind: ImportKind) -> &'static Fields {
    match kind {
        ImportKind::Leads | ImportKind::Suppressions => &LEADS,
        ImportKind::Products => &PRODUCTS,
        ImportKind::Purchases => &PURCHASES,
        ImportKind::Interests => &INTERESTS,
    }
}

const LEADS: Fields = Fields { known: LEAD, own: Some("custom") };
const PRODUCTS: Fields = Fields { known: PRODUCT, own: Some("attributes") };
const PURCHASES: Fields = Fields { known: PURCHASE, own: None };
const INTERESTS: Fields = Fields { known: INTEREST, own: None };

const LEAD: &[Field] = &[
    ("externalId", Cell::Text, &["id", "leadid", "crmid", "customerid"]),
    ("email", Cell::Text, &["emailaddress", "mail"]),
    ("firstName", Cell::Text, &["first", "givenname"]),
    ("lastName", Cell::Text, &["last", "surname", "familyname"]),
    ("phone", Cell::Text, &["phonenumber", "mobile", "telephone", "number"]),
    ("phones", Cell::Numbers, &["phonenumbers"]),
    ("company", Cell::Text, &["companyname", "organisation", "organization"]),
    ("segment", Cell::Text, &[]),
    ("status", Cell::Text, &[]),
    ("language", Cell::Text, &["lang"]),
    ("timezone", Cell::Text, &["tz", "zone"]),
    ("country", Cell::Text, &["countrycode"]),
    ("region", Cell::Text, &["state", "province"]),
    ("preferredContactTime", Cell::Text, &["preferredtime", "besttimetocall"]),
    ("doNotCall", Cell::Flag, &["dnc"]),
    ("doNotEmail", Cell::Flag, &[]),
    ("score", Cell::Whole, &["leadscore"]),
    ("tags", Cell::List, &["tag", "labels"]),
    ("synthetic", Cell::Flag, &[]),
    ("lastContactedAt", Cell::Text, &[]),
    // Of suppression files.
    ("reason", Cell::Text, &[]),
    ("source", Cell::Text, &[]),
    ("expiresAt", Cell::Text, &["expires"]),
];

const PRODUCT: &[Field] = &[
    ("externalId", Cell::Text, &["id", "productid", "sku", "stockcode", "code"]),
    ("name", Cell::Text, &["title", "productname", "description"]),
    ("category", Cell::Text, &["productcategory"]),
    ("currency", Cell::Text, &["currencycode"]),
    ("price", Cell::Text, &["unitprice", "newprice"]),
    ("stock", Cell::Whole, &["instock", "inventory", "available"]),
    ("active", Cell::Flag, &["isactive"]),
    ("tags", Cell::List, &["tag", "labels"]),
];

const PURCHASE: &[Field] = &[
    ("externalId", Cell::Text, &["id", "purchaseid", "lineid"]),
    ("orderId", Cell::Text, &["order", "ordernumber", "orderno", "invoice", "invoiceno", "invoicenumber"]),
    ("leadId", Cell::Text, &["customer", "customerid", "lead", "crmid"]),
    ("productId", Cell::Text, &["product", "sku", "stockcode"]),
    ("quantity", Cell::Whole, &["qty", "pieces"]),
    ("unitPrice", Cell::Text, &["price", "amountpaid"]),
    ("currency", Cell::Text, &["currencycode"]),
    ("refunded", Cell::Text, &["refund"]),
    ("verified", Cell::Flag, &["isverified"]),
    ("purchasedAt", Cell::Text, &["date", "purchasedate", "orderdate", "invoicedate"]),
    ("deliveredAt", Cell::Text, &["deliverydate"]),
    // For a product that is not on file.
    ("productName", Cell::Text, &["description", "name", "title"]),
    ("category", Cell::Text, &["productcategory"]),
    // For a customer who is not on file.
    ("email", Cell::Text, &["emailaddress", "mail"]),
    ("firstName", Cell::Text, &["first", "givenname"]),
    ("lastName", Cell::Text, &["last", "surname", "familyname"]),
    ("phone", Cell::Text, &["phonenumber", "mobile", "telephone"]),
    ("company", Cell::Text, &["companyname", "organisation", "organization"]),
    ("language", Cell::Text, &["lang"]),
    ("timezone", Cell::Text, &["tz", "zone"]),
    ("country", Cell::Text, &["countrycode"]),
    ("region", Cell::Text, &["state", "province"]),
];

const INTEREST: &[Field] = &[
    ("leadId", Cell::Text, &["customer", "customerid", "lead", "crmid"]),
    ("productId", Cell::Text, &["product", "sku", "stockcode"]),
    ("kind", Cell::Text, &["type", "interest"]),
    ("source", Cell::Text, &[]),
];
