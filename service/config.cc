#include "service/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "core/label/expression.h"
#include "service/postgres_connection.h"

namespace recrypt {
namespace {

bool IsAmong(std::string_view value, std::string_view choices) {
  for (;;) {
    const size_t end = choices.find('|');
    if (value == choices.substr(0, end)) return true;
    if (end == choices.npos) return false;
    choices.remove_prefix(end + 1);
  }
}

// Why the setting's value cannot be; empty when it can.
std::string ProblemOf(const Setting& setting, const ServerConfig& config) {
  if (const auto* text = std::get_if<std::string ServerConfig::*>(&setting.place)) {
    const std::string& value = config.**text;
    if (setting.choices.empty() || IsAmong(value, setting.choices)) return {};
    return "one of " + std::string(setting.choices) + ", not " + value;
  }
  const auto* number = std::get_if<int ServerConfig::*>(&setting.place);
  if (number == nullptr) return {};
  const int value = config.**number;
  if (value >= setting.least && value <= setting.most) return {};
  return "from " + std::to_string(setting.least) + " to " + std::to_string(setting.most);
}

// False for a value of another type.
bool Take(const toml::node& node, const Setting& setting, ServerConfig& config) {
  if (const auto* text = std::get_if<std::string ServerConfig::*>(&setting.place)) {
    if (!node.is_string()) return false;
    config.** text = node.as_string()->get();
  } else if (const auto* number = std::get_if<int ServerConfig::*>(&setting.place)) {
    if (!node.is_integer()) return false;
    const int64_t value = node.as_integer()->get();
    // What no int holds is out of every setting's range as well.
    config.** number = static_cast<int>(std::clamp<int64_t>(value, -1, 1'000'000'000));
  } else {
    if (!node.is_boolean()) return false;
    config.*std::get<bool ServerConfig::*>(setting.place) = node.as_boolean()->get();
  }
  return true;
}

std::string_view TypeOf(const Setting& setting) {
  constexpr std::array<std::string_view, 3> kTypes = {"a text in quotes", "a whole number",
                                                      "true or false"};
  return kTypes[setting.place.index()];
}

// Whether clients may be sent there; what it names is for them to find out.
bool IsServiceUri(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  return plain && text.starts_with(kScheme) && text.size() > kScheme.size();
}

std::string Place(const std::string& path, const toml::source_region& source) {
  return path + ", line " + std::to_string(source.begin.line) + ": ";
}

// Why one line of the file cannot be; empty when it can.
std::string TakeLine(const std::string& key, const toml::node& node, ServerConfig& config) {
  std::string name = key;
  std::replace(name.begin(), name.end(), '_', '-');
  for (const Setting& setting : Settings()) {
    if (setting.name != name) continue;
    if (!Take(node, setting, config)) return name + " is " + std::string(TypeOf(setting));
    const std::string problem = ProblemOf(setting, config);
    return problem.empty() ? problem : name + " is " + problem;
  }
  return "there is no setting " + key;
}

}  // namespace

Result<ServerConfig> LoadConfig(const std::string& path, ServerConfig defaults) {
  ServerConfig config = std::move(defaults);
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& e) {
    return Fail(ErrorCode::kInvalid, Place(path, e.source()) + std::string(e.description()));
  }
  for (const auto& [key, node] : table) {
    const std::string problem = TakeLine(std::string(key.str()), node, config);
    if (!problem.empty()) return Fail(ErrorCode::kInvalid, Place(path, key.source()) + problem);
  }
  return config;
}

Status CheckConfig(const ServerConfig& config) {
  const auto refuse = [](const std::string& why) { return Fail(ErrorCode::kInvalid, why); };
  for (const Setting& setting : Settings()) {
    const std::string problem = ProblemOf(setting, config);
    if (!problem.empty()) return refuse(std::string(setting.name) + " is " + problem);
  }
  if (config.domain.empty()) return refuse("domain is not set");
  const auto account = AccountName::Parse("x@" + config.domain);
  if (!account || account->domain() != config.domain) {
    return refuse("domain is no host name in lower case: " + config.domain);
  }
  if (config.state.empty()) return refuse("state is not set");
  if (!config.store.empty()) RECRYPT_TRY(CheckPostgresUri(config.store));
  if (config.self_signed ? !config.cert.empty() || !config.key.empty()
                         : config.cert.empty() || config.key.empty()) {
    return refuse("either cert and key are set, or self-signed");
  }
  if (!config.moved_to.empty() && !IsServiceUri(config.moved_to)) {
    return refuse("moved-to is no https://host:port: " + config.moved_to);
  }
  return {};
}

}  // namespace recrypt
