//! Users. API keys are [`super::api_key`].

use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{instant_from_micros, micros};
use crate::domain::user::{Role, User};
use crate::id::UserId;

#[derive(Debug, FromRow)]
struct UserRow {
    id: String,
    email: String,
    name: String,
    role: String,
    password_hash: Option<String>,
    is_active: i64,
    created_at: i64,
}

const CREATE: &str = "INSERT INTO users (id, email, name, role, password_hash, is_active, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FIND: &str =
    "SELECT id, email, name, role, password_hash, is_active, created_at FROM users WHERE id = $1";
const BY_EMAIL: &str =
    "SELECT id, email, name, role, password_hash, is_active, created_at FROM users WHERE email = $1";
const LIST: &str =
    "SELECT id, email, name, role, password_hash, is_active, created_at FROM users ORDER BY email";
const SET_ACTIVE: &str = "UPDATE users SET is_active = $2 WHERE id = $1";
const SET_ROLE: &str = "UPDATE users SET role = $2 WHERE id = $1";

/// Stores a new user. `password_hash` is a complete argon2id string; `None` for users that cannot sign in.
/// A known e-mail address is a constraint error.
pub async fn create(tx: &mut Tx, user: &User, password_hash: Option<&str>) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(CREATE)
        .bind(user.id.to_string())
        .bind(user.email.to_lowercase())
        .bind(&user.name)
        .bind(user.role.as_str())
        .bind(password_hash)
        .bind(i64::from(user.is_active))
        .bind(micros(user.created_at))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: UserId) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(User::try_from).transpose()
}

/// The user with this address, in whatever case it is written, and the password hash to check.
pub async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
    let email = email.trim().to_lowercase();
    let row: Option<UserRow> =
        on_db!(tx, |conn| sqlx::query_as(BY_EMAIL).bind(email).fetch_optional(conn).await)?;
    row.map(|mut row| {
        let hash = row.password_hash.take();
        Ok((User::try_from(row)?, hash))
    })
    .transpose()
}

/// Every user, by address.
pub async fn list(tx: &mut Tx) -> Result<Vec<User>, StoreError> {
    let rows: Vec<UserRow> = on_db!(tx, |conn| sqlx::query_as(LIST).fetch_all(conn).await)?;
    rows.into_iter().map(User::try_from).collect()
}

/// Lets a user in or keeps them out; answers whether there is such a user.
pub async fn set_active(tx: &mut Tx, id: UserId, is_active: bool) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(SET_ACTIVE)
        .bind(id.to_string())
        .bind(i64::from(is_active))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Answers whether there is such a user.
pub async fn set_role(tx: &mut Tx, id: UserId, role: Role) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(SET_ROLE)
        .bind(id.to_string())
        .bind(role.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("users", column, &row.id, problem);
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            role: row.role.parse().map_err(|e| bad("role", &e))?,
            is_active: row.is_active != 0,
            created_at: instant_from_micros(row.created_at),
            email: row.email,
            name: row.name,
        })
    }
}
