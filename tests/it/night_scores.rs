//! Scores and named cells of recency, frequency and monetary value, held against R's package rfm.

use crate::night::{Company, Reference, assert_equal, has_shared_data};

/// The scores of a scheme in the order of accounts.
fn scores(scheme: &str) -> String {
    format!(
        "SELECT account_id, {scheme}_recency_score, {scheme}_frequency_score, {scheme}_monetary_score
        FROM account_metrics ORDER BY account_id"
    )
}

/// Every score of both ways to place edges, for every customer of the reference.
async fn scores_equal_the_reference(company: &Company, reference: &str, customers: usize) {
    for (scheme, columns) in
        [("plain", ["cust", "r_q7", "f_q7", "m_q7"]), ("package", ["cust", "r_rpkg", "f_rpkg", "m_rpkg"])]
    {
        let mut theirs = Reference::read(reference).columns(&columns);
        theirs.sort();
        assert_eq!(theirs.len(), customers);
        assert_equal(&company.rows(&scores(scheme)).await, &theirs, 0.0);
    }
}

#[tokio::test]
async fn scores_and_cells_are_those_of_the_package() {
    if !has_shared_data() {
        return;
    }
    let company = Company::of_fixture("rfm_r", "2006-12-31");
    company.publish().await;
    let reference = "rfm_r_scores_2006-12-31.csv";
    scores_equal_the_reference(&company, reference, 995).await;
    let cell = |name: &str| name.to_lowercase().replace("can't", "cannot").replace(' ', "_");
    let cells = |rows: Vec<Vec<String>>| -> Vec<Vec<String>> {
        rows.into_iter().map(|row| vec![row[0].clone(), cell(&row[1])]).collect()
    };
    let mut theirs = cells(Reference::read(reference).columns(&["cust", "segment"]));
    theirs.sort();
    let ours = "SELECT account_id, segment FROM segment_scores WHERE scheme = 'package' ORDER BY 1";
    assert_eq!(company.rows(ours).await, theirs);
    let counts = "SELECT segment, count(*) FROM segment_scores WHERE scheme = 'package' GROUP BY 1 ORDER BY 2 DESC";
    let counts: Vec<String> = company.rows(counts).await.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        counts,
        [
            "potential_loyalist 342",
            "loyal_customers 170",
            "lost 148",
            "new_customers 104",
            "about_to_sleep 102",
            "cannot_lose_them 47",
            "champions 35",
            "at_risk 28",
            "need_attention 10",
            "promising 9",
        ]
    );
    let edges = "SELECT bin, score, lower_edge, upper_edge, accounts FROM score_edges
        WHERE scheme = 'plain' AND part = 'recency' ORDER BY bin";
    let edges: Vec<String> = company.rows(edges).await.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        edges,
        ["1 5  114.0 200", "2 4 114.0 180.0 199", "3 3 180.0 296.4 198", "4 2 296.4 481.0 201", "5 1 481.0  197"]
    );
}

#[tokio::test]
async fn scores_of_many_equal_values_are_those_of_the_package() {
    if !has_shared_data() {
        return;
    }
    let company = Company::of_fixture("cdnow", "1998-07-01");
    company.publish().await;
    scores_equal_the_reference(&company, "cdnow_master_rfm_1998-07-01.csv", 23_570).await;
    // More than two fifths bought once: a bin between two edges of 1 can hold nothing, and is not there.
    let edges = "SELECT bin, score, lower_edge, upper_edge FROM score_edges
        WHERE scheme = 'plain' AND part = 'frequency' ORDER BY bin";
    let edges: Vec<String> = company.rows(edges).await.iter().map(|row| row.join(" ")).collect();
    assert_eq!(edges, ["1 1  1.0", "3 3 1.0 2.0", "4 4 2.0 4.0", "5 5 4.0 "]);
}
