//! One schema for many files: columns that some files lack, and types that differ a little.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef, TimeUnit};

/// Two files that give one column types without a common type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The first file and its type.
    pub one: (String, DataType),
    /// The first file after it that disagrees.
    pub other: (String, DataType),
}

/// The columns of a set of files.
#[derive(Debug, Clone)]
pub(crate) struct LakeSchema {
    /// Every column whose files agree, or can be brought together, sorted by name of first appearance.
    pub schema: SchemaRef,
    /// The columns that cannot be used.
    pub conflicts: BTreeMap<String, Conflict>,
}

/// Brings the schemas of files together, in the order of the files.
pub(crate) fn unify<'a>(files: impl IntoIterator<Item = (&'a str, &'a Schema)>) -> LakeSchema {
    let mut order: Vec<String> = Vec::new();
    let mut known: BTreeMap<String, (String, DataType)> = BTreeMap::new();
    let mut conflicts = BTreeMap::new();
    for (file, schema) in files {
        for field in schema.fields() {
            let seen = as_read(field.data_type());
            match known.get_mut(field.name()) {
                None => {
                    order.push(field.name().clone());
                    known.insert(field.name().clone(), (file.to_owned(), seen));
                }
                Some((first, kind)) => match common(kind, &seen) {
                    Some(both) => *kind = both,
                    None => {
                        conflicts.entry(field.name().clone()).or_insert_with(|| Conflict {
                            one: (first.clone(), kind.clone()),
                            other: (file.to_owned(), seen),
                        });
                    }
                },
            }
        }
    }
    let fields = order.iter().filter(|name| !conflicts.contains_key(*name)).filter_map(|name| {
        let (_, kind) = known.get(name)?;
        Some(Field::new(name, kind.clone(), true))
    });
    LakeSchema { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), conflicts }
}

/// The type a column is read as: text as views, which the reader fills without copying each value.
fn as_read(stored: &DataType) -> DataType {
    match stored {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => as_read(value),
        other => other.clone(),
    }
}

/// The narrowest type that holds the values of both.
fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType as D;
    if one == other {
        return Some(one.clone());
    }
    match (one, other) {
        (D::Null, kind) | (kind, D::Null) => Some(kind.clone()),
        (D::Timestamp(a, zone), D::Timestamp(b, other_zone)) if zone.is_some() == other_zone.is_some() => {
            Some(D::Timestamp(coarser(*a, *b), zone.clone()))
        }
        (D::Date32, D::Date64) | (D::Date64, D::Date32) => Some(D::Date32),
        (D::Decimal128(p, s), D::Decimal128(q, t)) => {
            let scale = *s.max(t);
            let digits = (i16::from(*p) - i16::from(*s)).max(i16::from(*q) - i16::from(*t));
            let precision = u8::try_from(digits + i16::from(scale)).ok()?;
            (precision <= DECIMAL128_MAX_PRECISION).then_some(D::Decimal128(precision, scale))
        }
        (D::UInt64, kind) | (kind, D::UInt64) if kind.is_signed_integer() => None,
        _ if one.is_integer() && other.is_integer() => Some(D::Int64),
        _ if (one.is_integer() || one.is_floating()) && (other.is_integer() || other.is_floating()) => Some(D::Float64),
        _ => None,
    }
}

/// Microseconds at the finest: what a nanosecond file has more, a microsecond file could not say.
fn coarser(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    match (one, other) {
        (TimeUnit::Nanosecond, TimeUnit::Nanosecond) => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>())
    }

    #[test]
    fn columns_come_together_or_conflict() {
        let one = schema(&[("id", DataType::Int32), ("amount", DataType::Decimal128(10, 2)), ("at", DataType::Date32)]);
        let two = schema(&[
            ("id", DataType::Int64),
            ("amount", DataType::Decimal128(12, 4)),
            ("at", DataType::Utf8),
            ("late", DataType::Utf8),
        ]);
        let lake = unify([("a", &one), ("b", &two)]);
        let fields: Vec<_> =
            lake.schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
        assert_eq!(fields, ["id Int64", "amount Decimal128(12, 4)", "late Utf8View"]);
        let conflict = &lake.conflicts["at"];
        assert_eq!((conflict.one.0.as_str(), conflict.other.0.as_str()), ("a", "b"));
    }
}
