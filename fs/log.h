// Where the file system reports what an administrator should know: damage, refusals, write-back
// that failed. Never contents or keys. The sink is called from many threads at once.
#ifndef RECRYPT_FS_LOG_H_
#define RECRYPT_FS_LOG_H_

#include <functional>
#include <string>

namespace recrypt {

enum class LogLevel { kInfo, kWarning, kError };
using LogSink = std::function<void(LogLevel, const std::string&)>;

}  // namespace recrypt

#endif  // RECRYPT_FS_LOG_H_
