#include "cli/mount_log.h"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

#include <cerrno>

#include "core/base/unique_fd.h"

namespace recrypt {
namespace {

constexpr const char* kName = "recryptfs";

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::sink_ptr MakeSink(LogTo to, const std::string& path) {
  if (to == LogTo::kFile) return std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  if (to == LogTo::kStandardError) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  return std::make_shared<spdlog::sinks::syslog_sink_mt>(kName, LOG_PID, LOG_DAEMON, false);
}

}  // namespace

Result<LogSink> MakeMountLog(LogTo to, const std::string& path) {
  if (to == LogTo::kFile) {
    const UniqueFd made(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!made) return FailErrno(errno, "the log file " + path);
  }
  try {
    auto logger = std::make_shared<spdlog::logger>(kName, MakeSink(to, path));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S%z %l: %v");
    logger->flush_on(spdlog::level::info);
    return LogSink([logger](LogLevel level, const std::string& text) {
      logger->log(LevelOf(level), spdlog::string_view_t(text));
    });
  } catch (const spdlog::spdlog_ex& problem) {
    return Fail(ErrorCode::kIo, std::string("opening the log: ") + problem.what());
  }
}

}  // namespace recrypt
