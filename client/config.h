// Where the user's files lie, and the settings in recryptfs.conf (TOML).
//
//   RECRYPT_ASSIGN(ConfigDirectory directory, ConfigDirectory::Open());
//   RECRYPT_ASSIGN(Config config, LoadConfig(directory));
//   RECRYPT_TRY(SetService(directory, "example.com", {"127.0.0.1:8443", "/etc/ca.pem"}));
//
// The file, all of it optional:
//
//   deadline = 10                        # seconds that a command or an open waits for a service
//   [dns]
//   servers = ["192.0.2.1", "192.0.2.2:5353"]
//   [service."example.com"]
//   address = "127.0.0.1:8443"
//   ca = "/etc/recryptfs/example.com.pem"   # alone: the address is asked of DNS
//
// Thread safe.
#ifndef RECRYPT_CLIENT_CONFIG_H_
#define RECRYPT_CLIENT_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

struct ServiceAddress {
  std::string address;  // host:port, [v6]:port, or a host alone (port 443); empty: DNS knows
  std::string ca_file;  // PEM; empty: the system's certificates
};

struct Config {
  std::map<std::string, ServiceAddress> services;  // by domain
  std::vector<std::string> dns_servers;            // address or address:port; empty: the system's
  int64_t deadline_ms = 10000;
};

// $XDG_CONFIG_HOME/recryptfs, else ~/.config/recryptfs; made with mode 0700 when missing.
class ConfigDirectory {
 public:
  static Result<ConfigDirectory> Open();
  static Result<ConfigDirectory> Open(std::string path);

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string ConfigFile() const { return File("recryptfs.conf"); }
  std::string KeystoreFile() const { return File("keystore.json"); }
  std::string TrustFile() const { return File("trust.json"); }
  std::string RecoveredFile() const { return File("recovered.json"); }
  std::string ReceiptsFile() const { return File("receipts.jsonl"); }
  std::string OpensFile() const { return File("opens.jsonl"); }
  std::string OfflineFolder() const { return File("offline"); }

 private:
  explicit ConfigDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// kInvalid names `source`, the line and the key: an unknown key or a value of another type.
Result<Config> ParseConfig(std::string_view text, const std::string& source);
// Defaults when there is no file.
Result<Config> LoadConfig(const ConfigDirectory& directory);
// Adds or replaces the entry of a domain; all else in the file, comments included, stays.
Status SetService(const ConfigDirectory& directory, const std::string& domain,
                  const ServiceAddress& service);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_CONFIG_H_
