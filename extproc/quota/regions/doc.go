// Package regions moves a budget between regions. Each region has its own
// store and a configured share of the budget, and counts against that share
// alone; in the background what one region has room for goes to those that run
// out.
//
// A region's limit in a period is its share, plus what it has received, minus
// what it has given. Given and received are running sums for each pair of
// regions, in the donor's and in the receiver's books. A transfer is two steps:
// the donor raises its sum from one value to another, if it still is at the
// first, and the receiver raises its own to the donor's. The new sum is the
// transfer's id: steps may be repeated, come late or stop half-way, and the
// next round, whoever makes it, ends what was begun.
//
// Promises: the limits of all regions never add up to more than the shares;
// they add up to less only between a transfer's two steps. A donor gives what
// is neither used nor leased, and its books cap what its store grants from
// then on, so that a gateway that has not heard of it yet cannot spend it. A
// donor whose books were lost learns from its receivers what it has given.
//
// Refuses: budgets that are counted apart for each key or tenant; to take part
// in a request. A region that cannot be reached keeps what it has.
//
// Concurrency: Plan is pure. Rounds of a Rebalancer are made one after the other;
// Adjustment may be called from any goroutine. Any number of Rebalancers in any
// regions may work on the same budgets.
package regions
