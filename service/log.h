// The log of the service: lines on standard error, never a secret, a half or a body in them.
//
//   const LogScope scope(request_id);              // lines of this thread name the request
//   LogError("answered 500: " + error.message);
//   LogInfo("answered", {{"status", "201"}});
//
// A line is text for people, or a JSON object for programs. Thread safe.
#ifndef RECRYPT_SERVICE_LOG_H_
#define RECRYPT_SERVICE_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"

namespace recrypt {

// kInvalid for a level other than debug, info, warning, error, off.
Status SetLogLevel(const std::string& level);

enum class LogFormat { kText, kJson };
void SetLogFormat(LogFormat format);

// Members of the JSON object; name=value behind the text otherwise.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

bool IsDebugLogged();
void LogDebug(const std::string& text, LogFields fields = {});
void LogInfo(const std::string& text, LogFields fields = {});
void LogWarning(const std::string& text, LogFields fields = {});
void LogError(const std::string& text, LogFields fields = {});

// For which request a thread works, as long as this object lives.
class LogScope {
 public:
  explicit LogScope(std::string request);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

  // The id of this thread's request; empty when it works for none.
  static const std::string& Current();

 private:
  std::string before_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_LOG_H_
