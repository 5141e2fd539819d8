//! Rows as they reach a model.

use super::*;

fn gathered(rows: &[[f64; 4]]) -> Gathered<4> {
    let column = |at: usize| Arc::new(rows.iter().map(|row| Some(row[at])).collect::<Float64Array>()) as ArrayRef;
    let mut gathered = Gathered { rows: Vec::new(), finish: curve };
    gathered.update_batch(&[column(0), column(1), column(2), column(3)]).unwrap();
    gathered
}

#[test]
fn equal_rows_are_one_whatever_their_order_and_however_they_are_cut() {
    let rows = [[0.0, 5.0, 1.0, 1.0], [0.0, 3.0, 0.0, 2.0], [0.0, 5.0, 1.0, 4.0]];
    let mut whole = gathered(&rows);
    let mut reversed = gathered(&[rows[2], rows[1], rows[0]]);
    let mut merged = gathered(&rows[..1]);
    let state: Vec<ArrayRef> =
        gathered(&rows[1..]).state().unwrap().iter().map(|value| value.to_array().unwrap()).collect();
    merged.merge_batch(&state).unwrap();
    let expected = whole.evaluate().unwrap();
    assert_eq!(whole.rows, [[0.0, 3.0, 0.0, 2.0], [0.0, 5.0, 1.0, 5.0]]);
    assert_eq!(reversed.evaluate().unwrap(), expected);
    assert_eq!(merged.evaluate().unwrap(), expected);
}

#[test]
fn an_unknown_number_leaves_its_row_out() {
    let known = Arc::new(Float64Array::from(vec![0.0, 0.0])) as ArrayRef;
    let unknown = Arc::new(Float64Array::from(vec![Some(3.0), None])) as ArrayRef;
    let mut gathered = Gathered::<4> { rows: Vec::new(), finish: curve };
    gathered.update_batch(&[Arc::clone(&known), unknown, Arc::clone(&known), known]).unwrap();
    assert_eq!(gathered.rows.len(), 1);
}
