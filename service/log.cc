#include "service/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "core/json/json.h"

namespace recrypt {
namespace {

// What stands before the message; a JSON line is begun here and ended by LineOf.
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)";

std::atomic<bool> as_json = false;
thread_local std::string current_request;

spdlog::logger& Log() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("recryptd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
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

std::string LineOf(const std::string& text, LogFields fields) {
  if (as_json) {
    Json line = {{"message", text}};
    if (!current_request.empty()) line["request"] = current_request;
    for (const auto& [name, value] : fields) line[std::string(name)] = value;
    return DumpJson(line).substr(1);
  }
  std::string line = text;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) line.append(" ").append(name).append("=").append(value);
  }
  if (!current_request.empty()) line += " request=" + current_request;
  return OneLine(std::move(line));
}

void Write(spdlog::level::level_enum level, const std::string& text, LogFields fields) {
  if (Log().should_log(level)) Log().log(level, "{}", LineOf(text, fields));
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

void SetLogFormat(LogFormat format) {
  as_json = format == LogFormat::kJson;
  Log().set_pattern(as_json ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc);
}

bool IsDebugLogged() { return Log().should_log(spdlog::level::debug); }

void LogDebug(const std::string& text, LogFields fields) {
  Write(spdlog::level::debug, text, fields);
}

void LogInfo(const std::string& text, LogFields fields) {
  Write(spdlog::level::info, text, fields);
}

void LogWarning(const std::string& text, LogFields fields) {
  Write(spdlog::level::warn, text, fields);
}

void LogError(const std::string& text, LogFields fields) {
  Write(spdlog::level::err, text, fields);
}

LogScope::LogScope(std::string request)
    : before_(std::exchange(current_request, std::move(request))) {}

LogScope::~LogScope() { current_request = std::move(before_); }

const std::string& LogScope::Current() { return current_request; }

}  // namespace recrypt
