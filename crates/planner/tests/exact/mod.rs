//! The exact optimum of a small instance, by a solver that shares nothing with the planner.
//!
//! Every slot gets a yes or no for every node; what the planner seeks step by step is a row or the objective of an
//! integer program here.

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolutionStatus, Variable};

/// A slot that may move, in units of the mean node.
#[derive(Debug, Clone)]
pub struct Piece {
    pub size: f64,
    pub home: usize,
}

/// A small cluster in units of the mean node.
#[derive(Debug, Clone)]
pub struct Instance {
    pub pieces: Vec<Piece>,
    /// What cannot leave each node.
    pub fixed: Vec<f64>,
    /// 0 for a node that is to be emptied.
    pub weights: Vec<f64>,
    /// The most that a node may hold with what it is given and before it has given anything.
    pub room: f64,
}

impl Instance {
    pub fn home_load(&self, node: usize) -> f64 {
        let at_home = self.pieces.iter().filter(|piece| piece.home == node);
        self.fixed[node] + at_home.map(|piece| piece.size).sum::<f64>()
    }

    /// The fullest node of the evenest division; `None` when there is no division at all.
    pub fn least_fullest(&self) -> Option<f64> {
        let mut program = Program::new(self, false);
        let fullest = program.problem.add_var(1.0, (0.0, f64::INFINITY));
        for node in (0..self.fixed.len()).filter(|&node| self.weights[node] > 0.0) {
            let mut load = program.load(node);
            load.add(fullest, -self.weights[node]);
            program
                .problem
                .add_constraint(load, ComparisonOp::Le, -self.fixed[node]);
        }
        program.optimum()
    }

    /// The least that moves when every node ends within its band; `None` when no division is.
    pub fn least_moved(&self, bands: &[(f64, f64)]) -> Option<f64> {
        let mut program = Program::new(self, true);
        for (node, &(low, high)) in bands.iter().enumerate() {
            if self.weights[node] > 0.0 {
                for (bound, op) in [(low, ComparisonOp::Ge), (high, ComparisonOp::Le)] {
                    let load = program.load(node);
                    program
                        .problem
                        .add_constraint(load, op, bound - self.fixed[node]);
                }
            }
        }
        program.optimum()
    }

    /// The same two answers by trying every division.
    pub fn by_force(&self, bands: &[(f64, f64)]) -> (Option<f64>, Option<f64>) {
        let nodes = self.fixed.len();
        let (mut fullest, mut moved) = (None::<f64>, None::<f64>);
        'division: for code in 0..nodes.pow(self.pieces.len() as u32) {
            let mut loads = self.fixed.clone();
            let mut guests = vec![0.0; nodes];
            let (mut digits, mut bytes) = (code, 0.0);
            for piece in &self.pieces {
                let place = digits % nodes;
                digits /= nodes;
                if self.weights[place] == 0.0 {
                    continue 'division;
                }
                loads[place] += piece.size;
                if place != piece.home {
                    guests[place] += piece.size;
                    bytes += piece.size;
                }
            }
            let left = |node: usize| (self.room - self.home_load(node)).max(0.0);
            if (0..nodes).any(|node| guests[node] > left(node)) {
                continue;
            }
            let open = || (0..nodes).filter(|&node| self.weights[node] > 0.0);
            let most = open()
                .map(|node| loads[node] / self.weights[node])
                .fold(0.0, f64::max);
            fullest = Some(fullest.map_or(most, |least| least.min(most)));
            if open().all(|node| (bands[node].0..=bands[node].1).contains(&loads[node])) {
                moved = Some(moved.map_or(bytes, |least| least.min(bytes)));
            }
        }
        (fullest, moved)
    }
}

struct Program<'a> {
    instance: &'a Instance,
    problem: Problem,
    /// Whether a piece lies on a node; `None` where it may not.
    lies: Vec<Vec<Option<Variable>>>,
}

impl<'a> Program<'a> {
    fn new(instance: &'a Instance, pay_for_moves: bool) -> Program<'a> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let nodes = instance.fixed.len();
        let lies: Vec<Vec<Option<Variable>>> = instance
            .pieces
            .iter()
            .map(|piece| {
                (0..nodes)
                    .map(|node| {
                        let price = if pay_for_moves && node != piece.home {
                            piece.size
                        } else {
                            0.0
                        };
                        (instance.weights[node] > 0.0).then(|| problem.add_binary_var(price))
                    })
                    .collect()
            })
            .collect();
        for places in &lies {
            let one: Vec<(Variable, f64)> =
                places.iter().flatten().map(|&place| (place, 1.0)).collect();
            problem.add_constraint(one, ComparisonOp::Eq, 1.0);
        }
        let mut program = Program {
            instance,
            problem,
            lies,
        };
        for node in (0..nodes).filter(|&node| instance.weights[node] > 0.0) {
            program.heed_room(node);
        }
        program
    }

    /// What a node is given finds room beside what it has, whether or not something has left it before.
    fn heed_room(&mut self, node: usize) {
        let left = self.instance.room - self.instance.home_load(node);
        if !left.is_finite() {
            return;
        }
        let mut guests = LinearExpr::empty();
        for (piece, places) in self.instance.pieces.iter().zip(&self.lies) {
            if let Some(place) = places[node].filter(|_| piece.home != node) {
                guests.add(place, piece.size);
            }
        }
        self.problem
            .add_constraint(guests, ComparisonOp::Le, left.max(0.0));
    }

    /// What comes to lie on a node, besides what is fixed.
    fn load(&self, node: usize) -> LinearExpr {
        let mut load = LinearExpr::empty();
        for (piece, places) in self.instance.pieces.iter().zip(&self.lies) {
            if let Some(place) = places[node] {
                load.add(place, piece.size);
            }
        }
        load
    }

    fn optimum(self) -> Option<f64> {
        match self.problem.solve() {
            Ok(outcome) => {
                let solution = outcome.into_solution().expect("no limit was set");
                assert_eq!(solution.status(), SolutionStatus::Optimal);
                Some(solution.objective())
            }
            Err(microlp::Error::Infeasible) => None,
            Err(error) => panic!("{error}"),
        }
    }
}
