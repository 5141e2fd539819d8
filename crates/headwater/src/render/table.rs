//! Aligned columns of text.

/// Rows with a heading, columns as wide as they need to be; numbers stand right.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> =
        (0..heading.len()).map(|at| rows.iter().filter_map(|row| row.get(at)).all(|cell| is_number(cell))).collect();
    let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
    std::iter::once(&heading)
        .chain(rows)
        .map(|row| {
            let cells = row.iter().zip(&widths).zip(&numeric).map(|((cell, width), numeric)| {
                if *numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_number(cell: &str) -> bool {
    cell.is_empty() || cell.chars().all(|c| c.is_ascii_digit() || ",.-+% ".contains(c))
}

/// A whole number with its thousands set apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A decimal amount with its thousands set apart.
pub(crate) fn amount(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    match whole.parse() {
        Ok(number) if fraction.is_empty() => format!("{sign}{}", thousands(number)),
        Ok(number) => format!("{sign}{}.{fraction}", thousands(number)),
        Err(_) => decimal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_set_in_thousands() {
        for (decimal, shown) in
            [("1234567.50", "1,234,567.50"), ("-1234.00", "-1,234.00"), ("7", "7"), ("0.00", "0.00")]
        {
            assert_eq!(amount(decimal), shown);
        }
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let rows = [vec!["a".to_owned(), "1,000".to_owned()], vec!["long".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["id", "n"], &rows), "  id        n\n  a     1,000\n  long      2");
    }
}
