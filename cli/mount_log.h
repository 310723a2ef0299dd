// Where a mount's log goes: the terminal while it is in the foreground, else syslog(3), or a file.
//
//   RECRYPT_ASSIGN(LogSink log, MakeMountLog(LogTo::kSyslog, ""));
//
// The sinks are thread safe.
#ifndef RECRYPT_CLI_MOUNT_LOG_H_
#define RECRYPT_CLI_MOUNT_LOG_H_

#include <string>

#include "core/base/result.h"
#include "fs/log.h"

namespace recrypt {

enum class LogTo { kStandardError, kSyslog, kFile };

// `path` is for kFile alone; the file is appended to, and made with mode 0600.
Result<LogSink> MakeMountLog(LogTo to, const std::string& path);

}  // namespace recrypt

#endif  // RECRYPT_CLI_MOUNT_LOG_H_
