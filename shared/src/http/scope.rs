//! The scopes of the API. Lists of scopes are alternatives, and none implies another.

use std::fmt;

/// What a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read everything in the tenant.
    Read,
    /// Read what the calling customer is assigned to.
    ReadOwn,
    /// All writes, and match.
    Manage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::ReadOwn, Self::Manage];

    /// Its name in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "customersegment.segment_read",
            Self::ReadOwn => "customersegment.segment_read_own",
            Self::Manage => "customersegment.segment_manage",
        }
    }

    /// The scope with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// The set of these.
    pub const fn of(scopes: &[Scope]) -> Self {
        let mut bits = 0;
        let mut place = 0;
        while place < scopes.len() {
            bits |= 1 << scopes[place] as u8;
            place += 1;
        }
        Self(bits)
    }

    /// Whether the scope is among them.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether they have one in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        scopes.into_iter().fold(Self::default(), |set, scope| Self(set.0 | Self::of(&[scope]).0))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::as_str)).finish()
    }
}
