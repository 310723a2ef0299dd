// ServerConfig: how a recryptd is set up, from its configuration file and its command line.
//
//   RECRYPT_ASSIGN(ServerConfig config, LoadConfig("/etc/recryptd.toml", ServerConfig()));
#ifndef RECRYPT_SERVICE_CONFIG_H_
#define RECRYPT_SERVICE_CONFIG_H_

#include <string>

#include "core/base/result.h"

namespace recrypt {

struct ServerConfig {
  std::string domain;
  std::string listen = "127.0.0.1:8443";
  std::string state;
  std::string cert;
  std::string key;
  bool self_signed = false;
  std::string audit_sync = "disk";    // or "os"
  std::string registration = "open";  // or "closed"
  int threads = 0;                    // 0: one for each core, 2 to 8
  std::string log_level = "info";
};

// Overlays what a TOML file says: keys as on the command line (audit-sync or audit_sync, …). An
// unknown key, or a value of the wrong type, is kInvalid and named with its line.
Result<ServerConfig> LoadConfig(const std::string& path, ServerConfig defaults);

// kInvalid, with the setting's name, for what cannot be served.
Status CheckConfig(const ServerConfig& config);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_CONFIG_H_
