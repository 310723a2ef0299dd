#include "client/service_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace recrypt {
namespace {

using Helped = ServiceOrder::Helped;

class ServiceOrderTest : public testing::Test {
 protected:
  // Asks a, b and c, two at once, until so many have helped; returns who was asked.
  std::set<size_t> Ask(const std::function<Helped(size_t)>& ask, size_t enough = 2) {
    struct Seen {
      std::mutex mutex;
      std::set<size_t> asked;
      size_t helped = 0;
    };
    const auto seen = std::make_shared<Seen>();
    order_.Ask(
        {"a.test", "b.test", "c.test"}, 2,
        [seen, ask](size_t service) {
          {
            const std::lock_guard guard(seen->mutex);
            seen->asked.insert(service);
          }
          const Helped helped = ask(service);
          const std::lock_guard guard(seen->mutex);
          if (helped == Helped::kYes) ++seen->helped;
          return helped;
        },
        [seen, enough] {
          const std::lock_guard guard(seen->mutex);
          return seen->helped >= enough;
        });
    const std::lock_guard guard(seen->mutex);
    return seen->asked;
  }

  SystemClock clock_;
  ServiceOrder order_{clock_};
};

TEST_F(ServiceOrderTest, AsManyAreAskedAsAreNeededAtTheSameTime) {
  // Each answers when both have been asked.
  std::promise<void> both;
  const std::shared_future<void> ready = both.get_future().share();
  std::atomic<int> count = 0;
  const auto asked = Ask([&](size_t) {
    if (++count == 2) both.set_value();
    ready.wait();
    return Helped::kYes;
  });
  EXPECT_TRUE(asked.contains(0) && asked.contains(1));
}

TEST_F(ServiceOrderTest, AnotherIsAskedWhereOneDoesNotHelpAndWhoIsAwayComesLast) {
  EXPECT_EQ(Ask([](size_t service) { return service == 0 ? Helped::kAway : Helped::kYes; }).size(),
            3u);
  EXPECT_EQ(Ask([](size_t) { return Helped::kYes; }), (std::set<size_t>{1, 2}));
  // Who refuses is there, and asked as before.
  EXPECT_EQ(Ask([](size_t service) { return service == 1 ? Helped::kNo : Helped::kYes; }).size(),
            3u);
  EXPECT_EQ(Ask([](size_t) { return Helped::kYes; }), (std::set<size_t>{1, 2}));
}

TEST_F(ServiceOrderTest, WhereAllHaveAnsweredAndItIsNotEnoughItEnds) {
  EXPECT_EQ(Ask([](size_t) { return Helped::kYes; }, 4).size(), 3u);
  EXPECT_EQ(Ask([](size_t) { return Helped::kAway; }).size(), 3u);
}

TEST_F(ServiceOrderTest, OneThatHangsIsNotWaitedForAndAskedLastFromThenOn) {
  auto end = std::make_shared<std::promise<void>>();
  const std::shared_future<void> ended = end->get_future().share();
  const auto hangs = [ended](size_t service) {
    if (service == 0) ended.wait();
    return Helped::kYes;
  };
  EXPECT_EQ(Ask(hangs).size(), 3u);
  EXPECT_TRUE(order_.IsBusy());
  EXPECT_EQ(Ask([](size_t) { return Helped::kYes; }), (std::set<size_t>{1, 2}));
  end->set_value();
}

TEST_F(ServiceOrderTest, AnOnlyServiceIsAskedByTheCallersThread) {
  std::thread::id by;
  bool looked = false;
  order_.Ask(
      {"a.test"}, 1,
      [&](size_t) {
        by = std::this_thread::get_id();
        return Helped::kAway;
      },
      [&] { return looked = true; });
  EXPECT_EQ(by, std::this_thread::get_id());
  EXPECT_TRUE(looked);
}

}  // namespace
}  // namespace recrypt
