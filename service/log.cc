#include "service/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace recrypt {
namespace {

spdlog::logger& Log() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("recryptd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *logger;
}

// A line of the log is one line: texts may stem from outside.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

}  // namespace

Status SetLogLevel(const std::string& level) {
  for (const char* known : {"debug", "info", "warning", "error", "off"}) {
    if (level != known) continue;
    Log().set_level(spdlog::level::from_str(level));
    return {};
  }
  return Fail(ErrorCode::kInvalid, "no level of the log: " + level);
}

bool IsDebugLogged() { return Log().should_log(spdlog::level::debug); }

void LogDebug(const std::string& text) { Log().debug("{}", OneLine(text)); }

void LogInfo(const std::string& text) { Log().info("{}", OneLine(text)); }

void LogWarning(const std::string& text) { Log().warn("{}", OneLine(text)); }

void LogError(const std::string& text) { Log().error("{}", OneLine(text)); }

}  // namespace recrypt
