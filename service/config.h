// ServerConfig: how a recryptd is set up, from its configuration file and its command line.
//
//   RECRYPT_ASSIGN(ServerConfig config, LoadConfig("/etc/recryptd.toml", ServerConfig()));
//   RECRYPT_TRY(CheckConfig(config));
//
// Settings() names every setting once, for the file, the command line and a reload.
#ifndef RECRYPT_SERVICE_CONFIG_H_
#define RECRYPT_SERVICE_CONFIG_H_

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

struct ServerConfig {
  std::string domain;
  std::string listen = "127.0.0.1:8443";
  std::string admin_listen;  // empty: nowhere
  std::string state;
  std::string store;  // postgresql://…; empty: SQLite in `state`
  std::string cert;
  std::string key;
  bool self_signed = false;
  std::string audit_sync = "disk";    // or "os"
  std::string registration = "open";  // or "closed"
  int guests = 1'000;                 // accounts of other domains
  std::string moved_to;               // https://host:port; empty: is served here
  std::string moved = "temporary";    // or "permanent"
  int threads = 0;                    // 0: one for each core, 2 to 8
  int max_connections = 10'000;
  int max_requests = 1'000;  // being answered at one time
  int max_wait_millis = 1'000;
  int stop_seconds = 10;
  std::string log_level = "info";
  std::string log_format = "text";      // or "json"
  std::string log_requests = "failed";  // see LoggedRequests
};

struct Setting {
  std::string_view name;  // in the file, and with -- in front on the command line
  std::variant<std::string ServerConfig::*, int ServerConfig::*, bool ServerConfig::*> place;
  std::string_view help;
  std::string_view choices = {};  // of a text, as a|b; empty: any
  int least = 0;                  // of a number
  int most = 0;
  // kReload: takes effect on SIGHUP as well.
  enum class Effect { kStart, kReload } effect = Effect::kStart;
};
std::span<const Setting> Settings();

// Copies one setting.
void CopySetting(const Setting& setting, const ServerConfig& from, ServerConfig& to);

// The names of those that differ and of the effect.
std::vector<std::string_view> ChangedSettings(const ServerConfig& before, const ServerConfig& after,
                                              Setting::Effect effect);

// Overlays what a TOML file says: keys as on the command line (audit-sync or audit_sync, …). An
// unknown key, or a value of the wrong type or range, is kInvalid and named with its line.
Result<ServerConfig> LoadConfig(const std::string& path, ServerConfig defaults);

// kInvalid, with the setting's name, for what cannot be served.
Status CheckConfig(const ServerConfig& config);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_CONFIG_H_
