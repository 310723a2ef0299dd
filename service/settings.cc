#include <array>

#include "service/config.h"

namespace recrypt {
namespace {

using Config = ServerConfig;
constexpr auto kReload = Setting::Effect::kReload;

Setting Text(std::string_view name, std::string Config::*place, std::string_view help,
             std::string_view choices = {}, Setting::Effect effect = Setting::Effect::kStart) {
  return {name, place, help, choices, 0, 0, effect};
}

Setting Number(std::string_view name, int Config::*place, std::string_view help, int least,
               int most, Setting::Effect effect = Setting::Effect::kStart) {
  return {name, place, help, {}, least, most, effect};
}

}  // namespace

std::span<const Setting> Settings() {
  static const std::array kSettings = {
      Text("domain", &Config::domain, "The domain served, such as example.com"),
      Text("listen", &Config::listen, "Address and port; port 0 picks one"),
      Text("admin-listen", &Config::admin_listen,
           "Address and port of /healthz, /readyz and /metrics, in plain HTTP"),
      Text("state", &Config::state, "The directory of keys and store"),
      Text("store", &Config::store,
           "A PostgreSQL database to keep the store in, as postgresql://user@host/database"),
      Text("cert", &Config::cert, "TLS certificate chain, PEM", {}, kReload),
      Text("key", &Config::key, "The certificate's key, PEM", {}, kReload),
      Setting{"self-signed",
              &Config::self_signed,
              "Serve with a certificate made here",
              {},
              0,
              0,
              kReload},
      Text("audit-sync", &Config::audit_sync, "disk: answers wait for the disk; os", "disk|os"),
      Text("registration", &Config::registration, "open or closed to new accounts", "open|closed"),
      Number("guests", &Config::guests,
             "Accounts of other domains that are taken, for labels over several services; 0: none",
             0, 1'000'000),
      Text("moved-to", &Config::moved_to,
           "Where this service has moved to, as https://host:port; nothing else is answered"),
      Text("moved", &Config::moved, "For how long: temporary, or permanent", "temporary|permanent"),
      Number("threads", &Config::threads, "Threads that serve; 0 picks", 0, 256),
      Number("max-connections", &Config::max_connections, "Connections at one time", 1, 1'000'000,
             kReload),
      Number("max-requests", &Config::max_requests, "Requests answered at one time", 1, 100'000,
             kReload),
      Number("max-wait", &Config::max_wait_millis,
             "Milliseconds that a request may have waited for a thread; 0: any", 0, 60'000,
             kReload),
      Number("stop-seconds", &Config::stop_seconds, "How long stopping waits for requests", 0, 600,
             kReload),
      Text("log-level", &Config::log_level, "debug, info, warning, error or off",
           "debug|info|warning|error|off", kReload),
      Text("log-format", &Config::log_format, "text, or json for programs", "text|json", kReload),
      Text("log-requests", &Config::log_requests,
           "Answers in the log: none, failed (5xx), refused (4xx too) or all",
           "none|failed|refused|all", kReload),
  };
  return kSettings;
}

void CopySetting(const Setting& setting, const ServerConfig& from, ServerConfig& to) {
  std::visit([&](const auto place) { to.*place = from.*place; }, setting.place);
}

std::vector<std::string_view> ChangedSettings(const ServerConfig& before, const ServerConfig& after,
                                              Setting::Effect effect) {
  std::vector<std::string_view> changed;
  for (const Setting& setting : Settings()) {
    const bool same =
        std::visit([&](const auto place) { return before.*place == after.*place; }, setting.place);
    if (!same && setting.effect == effect) changed.push_back(setting.name);
  }
  return changed;
}

}  // namespace recrypt
