#include "service/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <map>

#include "core/label/expression.h"

namespace recrypt {
namespace {

using Take = std::function<bool(const toml::node&)>;

Take Text(std::string& to) {
  return [&to](const toml::node& node) {
    if (!node.is_string()) return false;
    to = node.as_string()->get();
    return true;
  };
}

Take Flag(bool& to) {
  return [&to](const toml::node& node) {
    if (!node.is_boolean()) return false;
    to = node.as_boolean()->get();
    return true;
  };
}

Take Number(int& to) {
  return [&to](const toml::node& node) {
    if (!node.is_integer()) return false;
    const int64_t value = node.as_integer()->get();
    if (value < 0 || value > 1'000'000) return false;
    to = static_cast<int>(value);
    return true;
  };
}

std::string Place(const std::string& path, const toml::source_region& source) {
  return path + ", line " + std::to_string(source.begin.line) + ": ";
}

}  // namespace

Result<ServerConfig> LoadConfig(const std::string& path, ServerConfig defaults) {
  ServerConfig config = std::move(defaults);
  const std::map<std::string, Take, std::less<>> settings = {
      {"domain", Text(config.domain)},
      {"listen", Text(config.listen)},
      {"state", Text(config.state)},
      {"cert", Text(config.cert)},
      {"key", Text(config.key)},
      {"self-signed", Flag(config.self_signed)},
      {"audit-sync", Text(config.audit_sync)},
      {"registration", Text(config.registration)},
      {"threads", Number(config.threads)},
      {"log-level", Text(config.log_level)},
  };
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& e) {
    return Fail(ErrorCode::kInvalid, Place(path, e.source()) + std::string(e.description()));
  }
  for (const auto& [key, node] : table) {
    std::string name(key.str());
    std::replace(name.begin(), name.end(), '_', '-');
    const auto setting = settings.find(name);
    const std::string place = Place(path, key.source());
    if (setting == settings.end()) {
      return Fail(ErrorCode::kInvalid, place + "there is no setting " + std::string(key.str()));
    }
    if (!setting->second(node)) {
      return Fail(ErrorCode::kInvalid, place + name + " has a value of the wrong type or range");
    }
  }
  return config;
}

Status CheckConfig(const ServerConfig& config) {
  const auto refuse = [](const std::string& why) { return Fail(ErrorCode::kInvalid, why); };
  if (config.domain.empty()) return refuse("domain is not set");
  const auto account = AccountName::Parse("x@" + config.domain);
  if (!account || account->domain() != config.domain) {
    return refuse("domain is no host name in lower case: " + config.domain);
  }
  if (config.state.empty()) return refuse("state is not set");
  if (config.self_signed ? !config.cert.empty() || !config.key.empty()
                         : config.cert.empty() || config.key.empty()) {
    return refuse("either cert and key are set, or self-signed");
  }
  if (config.audit_sync != "disk" && config.audit_sync != "os") {
    return refuse("audit-sync is disk or os, not " + config.audit_sync);
  }
  if (config.registration != "open" && config.registration != "closed") {
    return refuse("registration is open or closed, not " + config.registration);
  }
  if (config.threads > 256) return refuse("threads are at most 256");
  return {};
}

}  // namespace recrypt
