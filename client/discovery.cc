#include "client/discovery.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kKeptFor = std::chrono::minutes(1);
constexpr int64_t kMaxTryMillis = 2000;
constexpr size_t kMaxHosts = 16;

struct SrvRecord {
  ServiceHost host;
  uint16_t priority = 0;
  uint16_t weight = 0;
};

struct SrvAnswer {
  bool done = false;
  int status = ARES_SUCCESS;
  std::vector<SrvRecord> records;
};

void TakeSrvAnswer(void* argument, int status, int, unsigned char* data, int size) {
  auto* answer = static_cast<SrvAnswer*>(argument);
  answer->done = true;
  answer->status = status;
  if (status != ARES_SUCCESS) return;
  ares_srv_reply* list = nullptr;
  answer->status = ares_parse_srv_reply(data, size, &list);
  for (const ares_srv_reply* at = list; at != nullptr; at = at->next) {
    // A single "." says that there decidedly is no such service (RFC 2782).
    const std::string host(at->host);
    if (!host.empty() && host != "." && answer->records.size() < kMaxHosts) {
      answer->records.push_back({{host, at->port}, at->priority, at->weight});
    }
  }
  if (list != nullptr) ares_free_data(list);
}

uint64_t RandomBelow(uint64_t bound) { return LoadU64(RandomArray<8>().data()) % bound; }

// RFC 2782: rising priority; within one, again and again a record by weight at random.
std::vector<ServiceHost> InOrder(std::vector<SrvRecord> records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const SrvRecord& a, const SrvRecord& b) { return a.priority < b.priority; });
  std::vector<ServiceHost> hosts;
  while (!records.empty()) {
    const auto end = std::find_if(records.begin(), records.end(), [&](const SrvRecord& record) {
      return record.priority != records.front().priority;
    });
    uint64_t total = 0;
    for (auto at = records.begin(); at != end; ++at) total += at->weight;
    uint64_t pick = RandomBelow(total + 1);
    auto chosen = records.begin();
    for (auto at = records.begin(); at != end; ++at) {
      chosen = at;
      if (pick <= at->weight) break;
      pick -= at->weight;
    }
    hosts.push_back(chosen->host);
    records.erase(chosen);
  }
  return hosts;
}

// A resolver channel for one question.
class Resolver {
 public:
  Resolver() {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    ready_ = library == ARES_SUCCESS;
  }
  ~Resolver() {
    if (open_) ares_destroy(channel_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  Status Open(const std::vector<std::string>& servers, int64_t timeout_ms) {
    ares_options options{};
    options.timeout = static_cast<int>(std::clamp<int64_t>(timeout_ms / 3, 100, kMaxTryMillis));
    options.tries = 2;
    if (!ready_ || ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
                       ARES_SUCCESS) {
      return Fail(ErrorCode::kUnavailable, "the resolver does not start");
    }
    open_ = true;
    if (servers.empty()) return {};
    std::string list;
    for (const std::string& server : servers) list += (list.empty() ? "" : ",") + server;
    if (ares_set_servers_ports_csv(channel_, list.c_str()) != ARES_SUCCESS) {
      return Fail(ErrorCode::kInvalid, "dns.servers holds no list of addresses: " + list);
    }
    return {};
  }

  SrvAnswer AskSrv(const std::string& name, int64_t timeout_ms) {
    SrvAnswer answer;
    const auto end = SteadyClock::now() + std::chrono::milliseconds(timeout_ms);
    ares_query(channel_, name.c_str(), ns_c_in, ns_t_srv, TakeSrvAnswer, &answer);
    while (!answer.done && SteadyClock::now() < end) {
      WaitAndProcess(
          std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()));
    }
    // Calls back with ARES_ECANCELLED what is still under way: `answer` is left alone afterwards.
    if (!answer.done) ares_cancel(channel_);
    return answer;
  }

 private:
  void WaitAndProcess(std::chrono::milliseconds longest) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int wanted = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> polled;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0) polled.push_back({sockets[i], events, 0});
    }
    const int step = static_cast<int>(std::clamp<int64_t>(longest.count(), 1, 50));
    ::poll(polled.data(), polled.size(), step);
    bool any = false;
    for (const pollfd& item : polled) {
      if (item.revents == 0) continue;
      any = true;
      ares_process_fd(channel_, (item.revents & ~POLLOUT) != 0 ? item.fd : ARES_SOCKET_BAD,
                      (item.revents & POLLOUT) != 0 ? item.fd : ARES_SOCKET_BAD);
    }
    if (!any) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }

  bool ready_ = false;
  bool open_ = false;
  ares_channel channel_ = nullptr;
};

class ConfiguredDiscovery : public Discovery {
 public:
  explicit ConfiguredDiscovery(const Config& config) : config_(config) {}

  Result<std::vector<ServiceHost>> Find(const std::string& domain, int64_t timeout_ms) override {
    const auto found = config_.services.find(domain);
    if (found != config_.services.end() && !found->second.address.empty()) {
      RECRYPT_ASSIGN(ServiceHost host, ParseServiceHost(found->second.address));
      return std::vector<ServiceHost>{std::move(host)};
    }
    const auto now = SteadyClock::now();
    {
      const std::lock_guard guard(mutex_);
      const auto kept = kept_.find(domain);
      if (kept != kept_.end() && kept->second.until > now) return InOrder(kept->second.records);
    }
    RECRYPT_ASSIGN(std::vector<SrvRecord> records, Ask(domain, timeout_ms));
    const std::lock_guard guard(mutex_);
    kept_[domain] = {records, now + kKeptFor};
    return InOrder(std::move(records));
  }

 private:
  struct Kept {
    std::vector<SrvRecord> records;
    SteadyClock::time_point until;
  };

  Result<std::vector<SrvRecord>> Ask(const std::string& domain, int64_t timeout_ms) const {
    Resolver resolver;
    RECRYPT_TRY(resolver.Open(config_.dns_servers, timeout_ms));
    SrvAnswer answer = resolver.AskSrv("_meshrecrypt._tcp." + domain, timeout_ms);
    if (answer.status == ARES_SUCCESS && !answer.records.empty()) return std::move(answer.records);
    std::string why = "it has no SRV record _meshrecrypt._tcp";
    const bool none = answer.status == ARES_SUCCESS || answer.status == ARES_ENOTFOUND ||
                      answer.status == ARES_ENODATA;
    if (!none) why = std::string("DNS: ") + ares_strerror(answer.status);
    return Fail(ErrorCode::kUnavailable, "no recryption service is known for " + domain +
                                             ": it is not in recryptfs.conf, and " + why);
  }

  const Config config_;
  std::mutex mutex_;  // guards kept_
  std::map<std::string, Kept> kept_;
};

}  // namespace

std::unique_ptr<Discovery> MakeDiscovery(const Config& config) {
  return std::make_unique<ConfiguredDiscovery>(config);
}

}  // namespace recrypt
