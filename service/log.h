// The log of the service: lines on standard error, never a secret, a half or a body in them.
//
//   LogError("answered 500: " + error.message);
//
// Thread safe.
#ifndef RECRYPT_SERVICE_LOG_H_
#define RECRYPT_SERVICE_LOG_H_

#include <string>

#include "core/base/result.h"

namespace recrypt {

// kInvalid for a level other than debug, info, warning, error, off.
Status SetLogLevel(const std::string& level);

bool IsDebugLogged();
void LogDebug(const std::string& text);
void LogInfo(const std::string& text);
void LogWarning(const std::string& text);
void LogError(const std::string& text);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_LOG_H_
