#include "client/config.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "client/discovery.h"
#include "client/durable_file.h"
#include "core/label/expression.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace recrypt {
namespace {

constexpr size_t kMaxConfig = 1 << 20;
constexpr int64_t kMaxDeadlineSeconds = 600;

std::string Where(const std::string& source, const toml::source_region& region) {
  return source + ":" + std::to_string(region.begin.line) + ": ";
}

tl::unexpected<Error> Refuse(const std::string& source, const toml::node& node,
                             const std::string& why) {
  return Fail(ErrorCode::kInvalid, Where(source, node.source()) + why);
}

// The keys of one table, as they are taken out one by one; what is left at the end is unknown.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string path, const std::string& source)
      : table_(table), path_(std::move(path)), source_(source) {}

  const toml::node* Take(std::string_view key) {
    taken_.emplace_back(key);
    return table_.get(key);
  }

  Result<std::string> TakeText(std::string_view key) {
    const toml::node* node = Take(key);
    if (node == nullptr) return std::string();
    if (!node->is_string()) return Refuse(source_, *node, path_ + std::string(key) + " is no text");
    return **node->as_string();
  }

  Status CheckAllTaken() const {
    for (const auto& [key, node] : table_) {
      const bool known = std::any_of(taken_.begin(), taken_.end(),
                                     [&key](const std::string& name) { return name == key.str(); });
      if (!known) {
        return Fail(ErrorCode::kInvalid, Where(source_, key.source()) + "unknown key \"" + path_ +
                                             std::string(key.str()) + "\"");
      }
    }
    return {};
  }

 private:
  const toml::table& table_;
  const std::string path_;
  const std::string& source_;
  std::vector<std::string> taken_;
};

Result<ServiceAddress> ReadService(const toml::node& node, const std::string& domain,
                                   const std::string& source) {
  const std::string path = "service.\"" + domain + "\"";
  if (!node.is_table()) return Refuse(source, node, path + " is no table");
  if (auto name = AccountName::Parse("service@" + domain); !name || name->domain() != domain) {
    return Refuse(source, node, "\"" + domain + "\" is no domain in its canonical spelling");
  }
  TableReader reader(*node.as_table(), path + ".", source);
  ServiceAddress service;
  RECRYPT_ASSIGN(service.address, reader.TakeText("address"));
  RECRYPT_ASSIGN(service.ca_file, reader.TakeText("ca"));
  RECRYPT_TRY(reader.CheckAllTaken());
  // Without an address DNS is asked, and the certificate of a site's own authority believed.
  if (service.address.empty() && !service.ca_file.empty()) return service;
  if (auto host = ParseServiceHost(service.address); !host) {
    return Refuse(source, node, path + ".address: " + host.error().message);
  }
  return service;
}

Result<std::map<std::string, ServiceAddress>> ReadServices(const toml::node* node,
                                                           const std::string& source) {
  std::map<std::string, ServiceAddress> services;
  if (node == nullptr) return services;
  if (!node->is_table()) return Refuse(source, *node, "service is no table");
  for (const auto& [domain, entry] : *node->as_table()) {
    const std::string name(domain.str());
    RECRYPT_ASSIGN(services[name], ReadService(entry, name, source));
  }
  return services;
}

Result<std::vector<std::string>> ReadDnsServers(const toml::node* node, const std::string& source) {
  std::vector<std::string> list;
  if (node == nullptr) return list;
  if (!node->is_table()) return Refuse(source, *node, "dns is no table");
  TableReader reader(*node->as_table(), "dns.", source);
  if (const toml::node* servers = reader.Take("servers")) {
    if (!servers->is_array()) return Refuse(source, *servers, "dns.servers is no list");
    for (const toml::node& server : *servers->as_array()) {
      if (!server.is_string())
        return Refuse(source, server, "dns.servers holds something but text");
      list.push_back(**server.as_string());
    }
  }
  RECRYPT_TRY(reader.CheckAllTaken());
  return list;
}

// A line that starts a table, as far as SetService has to know it.
bool StartsTable(std::string_view line) {
  const size_t at = line.find_first_not_of(" \t");
  return at != line.npos && line[at] == '[';
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

std::string Quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

std::string SectionText(const std::string& domain, const ServiceAddress& service) {
  std::string text = "[service.\"" + domain + "\"]\naddress = " + Quoted(service.address) + "\n";
  if (!service.ca_file.empty()) text += "ca = " + Quoted(service.ca_file) + "\n";
  return text;
}

// The first line of the domain's own section, counted from 0; nothing when it has none.
std::optional<size_t> FindSection(std::string_view text, const std::string& domain) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) return std::nullopt;
  const toml::node* node = parsed.table()["service"][domain].node();
  if (node == nullptr || node->source().begin.line == 0) return std::nullopt;
  return node->source().begin.line - 1;
}

}  // namespace

Result<ConfigDirectory> ConfigDirectory::Open() {
  const char* base = std::getenv("XDG_CONFIG_HOME");
  if (base != nullptr && base[0] == '/') return Open(std::string(base) + "/recryptfs");
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == '\0') {
    const passwd* user = ::getpwuid(::getuid());
    if (user == nullptr) return Fail(ErrorCode::kNotFound, "no home directory: set HOME");
    home = user->pw_dir;
  }
  return Open(std::string(home) + "/.config/recryptfs");
}

Result<ConfigDirectory> ConfigDirectory::Open(std::string path) {
  RECRYPT_TRY(MakePrivateDirectory(path));
  return ConfigDirectory(std::move(path));
}

Result<Config> ParseConfig(std::string_view text, const std::string& source) {
  const toml::parse_result parsed = toml::parse(text, source);
  if (!parsed) {
    return Fail(ErrorCode::kInvalid,
                Where(source, parsed.error().source()) + std::string(parsed.error().description()));
  }
  Config config;
  TableReader reader(parsed.table(), "", source);
  if (const toml::node* deadline = reader.Take("deadline")) {
    const auto seconds = deadline->value_exact<int64_t>();
    if (!seconds || *seconds < 1 || *seconds > kMaxDeadlineSeconds) {
      return Refuse(source, *deadline, "deadline is no number of seconds from 1 to 600");
    }
    config.deadline_ms = *seconds * 1000;
  }
  RECRYPT_ASSIGN(config.dns_servers, ReadDnsServers(reader.Take("dns"), source));
  RECRYPT_ASSIGN(config.services, ReadServices(reader.Take("service"), source));
  RECRYPT_TRY(reader.CheckAllTaken());
  return config;
}

Result<Config> LoadConfig(const ConfigDirectory& directory) {
  auto text = ReadSmallFile(directory.ConfigFile(), kMaxConfig);
  if (!text && text.error().code == ErrorCode::kNotFound) return Config{};
  if (!text) return Fail(std::move(text.error()));
  return ParseConfig(AsText(*text), directory.ConfigFile());
}

Status SetService(const ConfigDirectory& directory, const std::string& domain,
                  const ServiceAddress& service) {
  const std::string path = directory.ConfigFile();
  RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(path + ".lock"));
  RECRYPT_TRY(LoadConfig(directory));
  Bytes old;
  if (auto text = ReadSmallFile(path, kMaxConfig)) old = std::move(*text);

  std::vector<std::string> lines = SplitLines(AsText(old));
  if (const auto first = FindSection(AsText(old), domain)) {
    // Another spelling (dotted keys, an inline table) is caught below: the section stands twice.
    size_t end = *first + 1;
    while (end < lines.size() && !StartsTable(lines[end])) ++end;
    const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(*first);
    if (StartsTable(*begin)) lines.erase(begin, lines.begin() + static_cast<std::ptrdiff_t>(end));
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  if (!text.empty() && !text.ends_with("\n\n")) text += "\n";
  text += SectionText(domain, service);

  auto parsed = ParseConfig(text, path);
  if (!parsed) return Fail(parsed.error(), "adding the service of " + domain);
  return ReplaceFile(path, AsBytes(text), FileMode::kPrivate);
}

}  // namespace recrypt
