// recryptfs status: mounts, what they hold, and whether services answer.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "core/label/expression.h"

namespace recrypt {
namespace {

// Who asks how things are does not wait as long as who opens a document.
constexpr int64_t kServiceWaitMs = 3000;
constexpr auto kWatchEvery = std::chrono::seconds(2);
constexpr std::string_view kClearScreen = "\033[H\033[2J";

struct SeenMount {
  MountEntry entry;
  bool dead = false;
  std::optional<int> pid;
  Json figures = Json::object();  // as fs/xattr.cc gives them; empty when it does not answer
};

struct SeenService {
  std::string domain;
  std::string address;  // as configured; empty: found by DNS
  int64_t took_ms = 0;
  std::optional<Error> failure;
};

uint64_t Figure(const Json& figures, const char* name) {
  return GetUint(figures, name).value_or(0);
}

Result<std::vector<SeenMount>> SeeMounts() {
  RECRYPT_ASSIGN(const auto entries, OwnMounts());
  std::vector<SeenMount> mounts;
  for (const MountEntry& entry : entries) {
    SeenMount mount{entry, false, std::nullopt};
    const auto pid = MountAttribute(entry.mountpoint, "user.jcd.pid");
    mount.dead = !pid && pid.error().os_error == ENOTCONN;
    if (pid) mount.pid = std::atoi(pid->c_str());
    const auto text = MountAttribute(entry.mountpoint, "user.jcd.status");
    auto figures = text ? ParseJson(*text) : Fail(text.error());
    if (figures && figures->is_object()) mount.figures = std::move(*figures);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

struct LabelLeft {
  std::string label;
  uint64_t seconds;
};
std::vector<LabelLeft> LeasesOf(const Json& figures) {
  std::vector<LabelLeft> leases;
  const auto list = GetArray(figures, "leases");
  if (!list) return leases;
  for (const Json& lease : **list) {
    auto label = GetString(lease, "label");
    const auto seconds = GetUint(lease, "seconds");
    if (label && seconds) leases.push_back({std::move(*label), *seconds});
  }
  return leases;
}

// As the label's profile named them when it was last seen.
std::vector<std::string> ServicesOf(TrustStore& trust, const LabelName& label) {
  std::vector<std::string> domains;
  const auto seen = trust.LastSeen(TrustSubject::kLabel, label.text());
  if (!seen || !*seen) return domains;
  const auto profile = VerifyLabelProfile((*seen)->object);
  if (!profile) return domains;
  for (const LabelProfile::Service& service : profile->services) domains.push_back(service.domain);
  return domains;
}

// Services whose results did not go with the others', and how often, by all mounts.
std::map<std::string, uint64_t> WrongServices(const std::vector<SeenMount>& mounts) {
  std::map<std::string, uint64_t> wrong;
  for (const SeenMount& mount : mounts) {
    const auto list = GetArray(mount.figures, "wrong_services");
    if (!list) continue;
    for (const Json& one : **list) {
      const auto domain = GetString(one, "domain");
      if (domain) wrong[*domain] += Figure(one, "times");
    }
  }
  return wrong;
}

SeenService AskService(Client& client, const std::string& domain) {
  SeenService service{domain, "", 0, std::nullopt};
  const auto configured = client.config().services.find(domain);
  if (configured != client.config().services.end()) service.address = configured->second.address;
  const int64_t begun = client.clock().MonotonicMillis();
  const auto jws = client.services().At(domain)->GetStatic("Service", domain);
  const auto profile = jws ? VerifyServiceProfile(*jws) : Fail(jws.error());
  if (!profile) service.failure = profile.error();
  service.took_ms = client.clock().MonotonicMillis() - begun;
  return service;
}

class MountStatus : public Command {
 public:
  void Declare(Options& options) override {
    options.Flag("--watch", &watch_, "Show it again every two seconds, until interrupted");
  }

  Status Run(Context& context) override {
    const bool screen = watch_ && !context.out.json() && isatty(STDOUT_FILENO) == 1;
    for (bool first = true;; first = false) {
      RECRYPT_ASSIGN(const auto mounts, SeeMounts());
      RECRYPT_ASSIGN(const auto services, SeeServices(mounts));
      if (screen) {
        context.out.Control(kClearScreen);
      } else if (!first) {
        context.out.Line("");
      }
      Show(context.out, mounts, services);
      if (!watch_) return {};
      if (!context.out.Flush()) return Fail(ErrorCode::kIo, "standard output cannot be written");
      std::this_thread::sleep_for(kWatchEvery);
    }
  }

 private:
  // Those that are configured, and those of labels that a mount holds leases of; all at once.
  static Result<std::vector<SeenService>> SeeServices(const std::vector<SeenMount>& mounts) {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys(kServiceWaitMs));
    std::set<std::string> domains;
    for (const auto& [domain, address] : opened->config().services) domains.insert(domain);
    for (const SeenMount& mount : mounts) {
      for (const LabelLeft& lease : LeasesOf(mount.figures)) {
        const auto label = LabelName::Parse(lease.label);
        if (!label) continue;
        domains.emplace(label->domain());
        for (const std::string& domain : ServicesOf(opened->trust(), *label)) {
          domains.insert(domain);
        }
      }
    }
    std::vector<std::future<SeenService>> asked;
    for (const std::string& domain : domains) {
      asked.push_back(std::async(std::launch::async, AskService, std::ref(*opened), domain));
    }
    std::vector<SeenService> services;
    for (auto& each : asked) services.push_back(each.get());
    return services;
  }

  static void Show(Output& out, const std::vector<SeenMount>& mounts,
                   const std::vector<SeenService>& services) {
    Table table({"MOUNTPOINT", "SHARE", "STATE"});
    Table leases({"MOUNTPOINT", "LABEL", "LEASE LEFT"});
    Table figures({"MOUNTPOINT", "KEYS", "FILES", "UNCOMMITTED", "BY LEASE", "GRANTED", "REFUSED"});
    Json shown = Json::array();
    for (const SeenMount& mount : mounts) {
      const std::string& point = mount.entry.mountpoint;
      const std::string process = mount.pid ? ", process " + std::to_string(*mount.pid) : "";
      table.Row({point, mount.entry.source,
                 mount.dead ? "not serving: unmount it" : "serving" + process});
      for (const LabelLeft& lease : LeasesOf(mount.figures)) {
        leases.Row({point, lease.label, FormatDuration(lease.seconds)});
      }
      std::vector<std::string> row = {point};
      for (const char* name :
           {"keys", "known", "waiting", "opened_by_lease", "granted", "refused"}) {
        row.push_back(std::to_string(Figure(mount.figures, name)));
      }
      if (!mount.figures.empty()) figures.Row(std::move(row));
      shown.push_back({{"mountpoint", point},
                       {"share", mount.entry.source},
                       {"serving", !mount.dead},
                       {"options", mount.entry.options},
                       {"pid", mount.pid ? Json(*mount.pid) : Json()},
                       {"figures", mount.figures}});
    }
    if (table.empty()) out.Note("Nothing is mounted.");
    for (const Table* each : {&table, &leases, &figures}) ShowTable(out, *each);
    out.Object({{"mounts", std::move(shown)},
                {"services", ShowServices(out, services, WrongServices(mounts))}});
  }

  static Json ShowServices(Output& out, const std::vector<SeenService>& services,
                           const std::map<std::string, uint64_t>& wrong) {
    Table table({"SERVICE", "ADDRESS", "STATE"});
    Json shown = Json::array();
    for (const SeenService& service : services) {
      const auto found = wrong.find(service.domain);
      const uint64_t times = found == wrong.end() ? 0 : found->second;
      std::string state = service.failure
                              ? "does not answer: " + service.failure->message
                              : "answers, in " + std::to_string(service.took_ms) + " ms";
      if (times != 0) state += "; GAVE WRONG RESULTS, " + std::to_string(times);
      table.Row({service.domain, service.address.empty() ? "by DNS" : service.address, state});
      shown.push_back({{"domain", service.domain},
                       {"address", service.address},
                       {"reachable", !service.failure},
                       {"milliseconds", service.took_ms},
                       {"wrong_results", times},
                       {"error", service.failure ? Json(service.failure->message) : Json()}});
    }
    ShowTable(out, table);
    return shown;
  }

  // One below the other, a blank line between them.
  static void ShowTable(Output& out, const Table& table) {
    if (table.empty()) return;
    out.Lines(table);
    out.Line("");
  }

  bool watch_ = false;
};

constexpr std::array kVerbs = {
    Verb{"status", "Show mounts, leases, caches, and whether services answer",
         "recryptfs status --watch", MakeCommand<MountStatus>},
};

}  // namespace

std::span<const Verb> StatusVerbs() { return kVerbs; }

}  // namespace recrypt
