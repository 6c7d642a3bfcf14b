#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/collective.h"
#include "comm/cost.h"
#include "comm/program.h"
#include "comm/transport/transport.h"
#include "core/completion.h"

namespace headrace::comm {

struct GroupOptions {
  /// Collectives that may be under way at once, the c of start(); the same on all ranks.
  int concurrent = 4;
  /// Seconds from the start of a collective to its end after which the group has failed.
  double timeout = 60;
  /// Microseconds that a waiting thread polls before it sleeps (spin_budget.h); -1: 200. Where the
  /// ranks of this host are more than its cores, it leaves the core to others between two looks.
  int spin_us = -1;
  /// Ranks per host where all hosts have the same number and ranks are numbered host by host; it is
  /// what kTwoLevel is built on. 1: as if each had a host of its own. 0: as the ranks have told
  /// each other when they were connected (comm/host.h).
  int ranks_per_host = 0;
  /// Chooses where a Collective leaves it open. A pure function, the same on all ranks. Empty: by
  /// `costs`.
  std::function<Choice(const Collective&, int size)> choose;
  /// What things cost, the same on all ranks. Nothing: the table that comes with the transport.
  std::optional<CostTable> costs;
  /// Where the last collectives are written when the group fails: a folder, which gets the file
  /// "headrace-rank<R>-collectives.json". Empty: nowhere.
  std::filesystem::path flight_folder;
};

/// Ranks that do collectives together, seen by one of them. All ranks start the same collectives in
/// the same order of tickets; what they are is compared with every message.
///
/// Ticket t is started once t - 1 has started and t - c has ended, on every rank alike, whatever
/// the order in which callers become ready. That cannot deadlock as long as a ticket never needs
/// the result of a later one.
///
/// Progress is made by whoever waits: run() and poll() move messages on the calling thread; where
/// nobody does, a thread of the group sleeps on the transport and does it. Reductions happen there
/// too, in pieces of at most 256 KiB, a few of them per call of poll() and start().
///
/// A group fails as a whole: the first failure (a peer that ended or does not answer, a mismatch, a
/// deadline, abort()) ends all collectives here and, within milliseconds, on all other ranks, with
/// an Error that says who failed, in which operator and step, and why. A failed group stays failed.
///
/// Thread-safe.
class Group {
 public:
  Group(std::unique_ptr<Transport> transport, GroupOptions options);
  /// Collectives that have not ended fail.
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  int rank() const;
  int size() const;
  const Transport& transport() const;
  const GroupOptions& options() const;

  /// The next `count` tickets, in a row; the first of them. Ranks reserve alike: a Run takes those
  /// of all its collectives when it starts, and uses each of them.
  uint64_t reserve(uint64_t count);

  /// Starts a collective and returns at once; `done` is called exactly once, from any thread, also
  /// from within this call, with no lock held. With kNextTicket it takes the next ticket: then the
  /// order of calls is what ranks have to agree on. Throws kInvalidArgument for a collective that
  /// makes no sense, and is not started then.
  void start(const Collective& collective, Completion done);

  /// The same, and waits for its end. Throws what it failed with.
  void run(const Collective& collective);

  /// Returns when every rank has called it.
  void barrier(const char* name = "barrier");

  /// Moves messages if there are any to be moved and no other thread does; never waits. For threads
  /// that have nothing better to do. True if anything moved.
  bool poll();

  /// True while collectives are under way or wait for their turn.
  bool busy() const;

  /// Ends the group on all ranks. From any thread; waits for nobody.
  void abort(const std::string& reason);

  /// Throws what the group failed with, if it did.
  void check() const;

  /// What kChoose means for this collective here.
  Choice choice(const Collective& collective) const;

  /// Memory that collectives will often be in, the longer ones above all, so that the transport may
  /// prepare it (Transport::add_region): ranks of one host then read it from each other, without
  /// copies. Not needed for correctness, and of no influence on results. Only while no collective
  /// is in it and nobody writes to it; a region is removed before its memory is freed.
  void add_region(void* data, size_t bytes);
  void remove_region(void* data);

  /// The last 1,024 collectives of this rank as JSON, oldest first: ticket, name, what it is,
  /// state, how far it came, with whom it waits, times.
  std::string flight_record() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Memory that a group knows of while this lives.
class Region {
 public:
  Region(Group& group, void* data, size_t bytes) : group_(group), data_(data) {
    group.add_region(data, bytes);
  }
  ~Region() { group_.remove_region(data_); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  Group& group_;
  void* data_;
};

/// `size` groups, one per rank, for threads of this process.
std::vector<std::unique_ptr<Group>> make_inproc_groups(int size, const GroupOptions& options = {});

}  // namespace headrace::comm
