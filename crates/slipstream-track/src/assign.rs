//! Assignment: which pairs of two sets to join, so that the sum of their weights is the greatest.
//!
//! Few of all pairs are worth joining in a picture. So the pairs that are fall into many small groups that share no
//! member, most of them of one pair only; each group is solved by itself with the Hungarian method in the form of
//! shortest augmenting paths (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems", 1987). The result is exact.

/// A pair that may be joined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Member of the first set.
    pub row: usize,
    /// Member of the second set.
    pub column: usize,
    /// What joining the two is worth; pairs of no or negative worth are never joined.
    pub weight: f32,
}

/// Solves assignments; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Assignment {
    /// Union-find forest over rows, then columns.
    parents: Vec<usize>,
    /// Edges by group.
    edges: Vec<(usize, Edge)>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    hungarian: Hungarian,
    pairs: Vec<(usize, usize)>,
}

impl Assignment {
    /// The pairs to join, as (row, column), in no order; no member is in two of them. Of edges between the same two
    /// members one is enough. Weights that are not finite count as 0.
    pub fn solve(&mut self, edges: &[Edge]) -> &[(usize, usize)] {
        self.pairs.clear();
        self.edges.clear();
        let worthy = edges.iter().filter(|edge| edge.weight > 0.0 && edge.weight.is_finite());
        self.edges.extend(worthy.map(|edge| (0, *edge)));
        let rows = self.edges.iter().map(|(_, edge)| edge.row + 1).max().unwrap_or(0);
        let columns = self.edges.iter().map(|(_, edge)| edge.column + 1).max().unwrap_or(0);
        self.parents.clear();
        self.parents.extend(0..rows + columns);
        for (_, edge) in &self.edges {
            join(&mut self.parents, edge.row, rows + edge.column);
        }
        for (group, edge) in &mut self.edges {
            *group = find(&mut self.parents, edge.row);
        }
        self.edges.sort_unstable_by_key(|(group, edge)| (*group, edge.row, edge.column));
        for group in self.edges.chunk_by(|a, b| a.0 == b.0) {
            if let [(_, edge)] = group {
                self.pairs.push((edge.row, edge.column));
                continue;
            }
            self.rows.clear();
            self.rows.extend(group.iter().map(|(_, edge)| edge.row));
            self.rows.dedup();
            self.columns.clear();
            self.columns.extend(group.iter().map(|(_, edge)| edge.column));
            self.columns.sort_unstable();
            self.columns.dedup();
            // The method wants no more rows than columns.
            let turned = self.rows.len() > self.columns.len();
            let (short, long) =
                if turned { (&self.columns, &self.rows) } else { (&self.rows, &self.columns) };
            self.hungarian.clear(short.len(), long.len());
            for (_, edge) in group {
                let (s, l) = if turned { (edge.column, edge.row) } else { (edge.row, edge.column) };
                if let (Ok(s), Ok(l)) = (short.binary_search(&s), long.binary_search(&l)) {
                    self.hungarian.set(s, l, edge.weight);
                }
            }
            self.hungarian.solve();
            for (s, l) in self.hungarian.joined() {
                let (Some(&s), Some(&l)) = (short.get(s), long.get(l)) else { continue };
                self.pairs.push(if turned { (l, s) } else { (s, l) });
            }
        }
        &self.pairs
    }
}

fn find(parents: &mut [usize], mut member: usize) -> usize {
    while let Some(&parent) = parents.get(member) {
        if parent == member {
            break;
        }
        let grandparent = parents.get(parent).copied().unwrap_or(parent);
        if let Some(link) = parents.get_mut(member) {
            *link = grandparent;
        }
        member = grandparent;
    }
    member
}

fn join(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    if let Some(parent) = parents.get_mut(a) {
        *parent = b;
    }
}

/// A dense assignment of each of n rows to one of m ≥ n columns. Indices count from 1; 0 stands for "none".
#[derive(Debug, Default)]
struct Hungarian {
    n: usize,
    m: usize,
    /// What each pair costs: minus its weight.
    costs: Vec<f32>,
    row_potential: Vec<f32>,
    column_potential: Vec<f32>,
    row_of: Vec<usize>,
    way: Vec<usize>,
    least: Vec<f32>,
    done: Vec<bool>,
}

impl Hungarian {
    fn clear(&mut self, n: usize, m: usize) {
        (self.n, self.m) = (n, m);
        self.costs.clear();
        self.costs.resize(n * m, 0.0);
    }

    fn set(&mut self, row: usize, column: usize, weight: f32) {
        if let Some(cost) = self.costs.get_mut(row * self.m + column) {
            *cost = -weight;
        }
    }

    fn joined(&self) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.row_of.iter().enumerate().skip(1).filter(|(_, row)| **row > 0);
        let pairs = pairs.map(|(column, row)| (row - 1, column - 1));
        pairs.filter(|&(row, column)| self.costs.get(row * self.m + column).is_some_and(|cost| *cost < 0.0))
    }

    // Every index is below n or m + 1, the lengths that `refill` gives.
    #[allow(clippy::indexing_slicing)]
    fn solve(&mut self) {
        let (n, m) = (self.n, self.m);
        refill(&mut self.row_potential, n + 1, 0.0);
        refill(&mut self.column_potential, m + 1, 0.0);
        refill(&mut self.row_of, m + 1, 0);
        refill(&mut self.way, m + 1, 0);
        for row in 1..=n {
            self.row_of[0] = row;
            let mut column = 0;
            refill(&mut self.least, m + 1, f32::INFINITY);
            refill(&mut self.done, m + 1, false);
            // Grows the tree of alternating paths until it meets a free column.
            while self.row_of[column] != 0 {
                self.done[column] = true;
                let from = self.row_of[column];
                let costs = &self.costs[(from - 1) * m..from * m];
                let (mut step, mut next) = (f32::INFINITY, 0);
                for j in 1..=m {
                    if self.done[j] {
                        continue;
                    }
                    let reduced = costs[j - 1] - self.row_potential[from] - self.column_potential[j];
                    if reduced < self.least[j] {
                        self.least[j] = reduced;
                        self.way[j] = column;
                    }
                    if self.least[j] < step {
                        (step, next) = (self.least[j], j);
                    }
                }
                for j in 0..=m {
                    if self.done[j] {
                        self.row_potential[self.row_of[j]] += step;
                        self.column_potential[j] -= step;
                    } else {
                        self.least[j] -= step;
                    }
                }
                column = next;
            }
            // Turns the path to it around.
            while column != 0 {
                let before = self.way[column];
                self.row_of[column] = self.row_of[before];
                column = before;
            }
        }
    }
}

fn refill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The greatest sum there is, by trying every choice.
    fn best(weights: &[Vec<f32>], row: usize, taken: u32) -> f32 {
        let Some(choices) = weights.get(row) else { return 0.0 };
        let mut sum = best(weights, row + 1, taken);
        for (column, weight) in choices.iter().enumerate() {
            if *weight > 0.0 && taken & (1 << column) == 0 {
                sum = sum.max(weight + best(weights, row + 1, taken | 1 << column));
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn the_sum_is_the_greatest(
            (rows, columns, weights) in (1..7usize, 1..7usize).prop_flat_map(|(r, c)| {
                // Many pairs are worth nothing, so that there are groups of all shapes.
                let row = prop::collection::vec((-1.0..1.0f32).prop_map(|w| (w * 8.0).round() / 8.0), c);
                (Just(r), Just(c), prop::collection::vec(row, r))
            })
        ) {
            let edge = |i: usize| Edge { row: i / columns, column: i % columns, weight: weights[i / columns][i % columns] };
            let edges: Vec<_> = (0..rows * columns).map(edge).collect();
            let mut assignment = Assignment::default();
            let pairs = assignment.solve(&edges);
            let (mut r, mut c): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            r.sort_unstable();
            c.sort_unstable();
            let count = r.len();
            r.dedup();
            c.dedup();
            prop_assert!(r.len() == count && c.len() == count, "{pairs:?}");
            prop_assert!(pairs.iter().all(|&(r, c)| weights[r][c] > 0.0));
            let sum: f32 = pairs.iter().map(|&(r, c)| weights[r][c]).sum();
            prop_assert!((sum - best(&weights, 0, 0)).abs() < 1e-4, "{sum}");
        }
    }
}
