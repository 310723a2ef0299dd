#include "client/service_order.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>
#include <thread>

namespace recrypt {
namespace {

// Several times what an answer takes, and less than somebody notices.
constexpr auto kLong = std::chrono::milliseconds(300);
constexpr int64_t kAwayMillis = 30'000;

}  // namespace

// One call of Ask, which its threads may outlive.
struct ServiceOrder::Round {
  std::mutex mutex;  // guards all below
  std::condition_variable changed;
  std::set<size_t> running;  // services
  size_t ended = 0;
  size_t helped = 0;
};

ServiceOrder::~ServiceOrder() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return under_way_ == 0; });
}

bool ServiceOrder::IsBusy() const {
  const std::lock_guard guard(mutex_);
  return under_way_ != 0;
}

void ServiceOrder::Avoid(const std::string& domain, int64_t millis) {
  const std::lock_guard guard(mutex_);
  int64_t& until = avoided_until_ms_[domain];
  until = std::max(until, clock_.MonotonicMillis() + millis);
}

std::vector<size_t> ServiceOrder::InOrder(const std::vector<std::string>& domains) const {
  std::vector<size_t> order(domains.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::lock_guard guard(mutex_);
  const int64_t now_ms = clock_.MonotonicMillis();
  std::stable_partition(order.begin(), order.end(), [&](size_t i) {
    const auto found = avoided_until_ms_.find(domains[i]);
    return found == avoided_until_ms_.end() || found->second <= now_ms;
  });
  return order;
}

void ServiceOrder::Start(const std::shared_ptr<Round>& round, size_t service,
                         const std::string& domain, const AskOne& ask) {
  {
    const std::lock_guard guard(mutex_);
    ++under_way_;
  }
  const auto run = [this, round, service, domain, ask] {
    const Helped helped = ask(service);
    if (helped == Helped::kAway) Avoid(domain, kAwayMillis);
    {
      const std::lock_guard guard(round->mutex);
      ++round->ended;
      round->running.erase(service);
      if (helped == Helped::kYes) ++round->helped;
    }
    round->changed.notify_all();
    const std::lock_guard guard(mutex_);
    --under_way_;
    idle_.notify_all();
  };
  try {
    std::thread(run).detach();
  } catch (const std::system_error&) {
    run();  // the system gives no more threads
  }
}

void ServiceOrder::Ask(const std::vector<std::string>& domains, size_t at_once, const AskOne& ask,
                       const Enough& enough) {
  if (domains.size() == 1) {
    (void)ask(0);
    (void)enough();
    return;
  }
  const std::vector<size_t> order = InOrder(domains);
  const auto round = std::make_shared<Round>();
  size_t started = 0;
  const auto start_next = [&] {
    const size_t service = order[started++];
    {
      const std::lock_guard guard(round->mutex);
      round->running.insert(service);
    }
    Start(round, service, domains[service], ask);
  };
  while (started < std::min(at_once, order.size())) start_next();
  for (size_t seen = 0;;) {
    std::set<size_t> running;
    size_t helped = 0;
    bool slow = false;
    {
      std::unique_lock lock(round->mutex);
      slow = !round->changed.wait_for(lock, kLong, [&] { return round->ended > seen; });
      seen = round->ended;
      running = round->running;
      helped = round->helped;
    }
    if (!slow && enough()) return;
    if (started == order.size() && running.empty()) return;
    if (slow) {
      for (const size_t service : running) Avoid(domains[service], kAwayMillis);
    }
    // Those that helped were not enough where nothing more is on its way; those that take long may
    // help yet.
    size_t wanted = slow ? running.size() + 1 : at_once > helped ? at_once - helped : 1;
    for (wanted -= std::min(wanted, running.size()); wanted > 0 && started < order.size();
         --wanted) {
      start_next();
    }
  }
}

}  // namespace recrypt
