// ExpectedReply: an HTTP reply on its way, from whatever thread. Most are there when the handler
// returns, and nobody has to wait, or to be woken.
//
//   handler(request, [expected](HttpResponse response) { expected->Give(std::move(response)); });
//   if (!expected->IsGiven()) expected->WhenGiven(resume);
//   HttpResponse response = expected->Take();
//
// Thread safe; one gives, one takes.
#ifndef RECRYPT_SERVICE_EXPECTED_REPLY_H_
#define RECRYPT_SERVICE_EXPECTED_REPLY_H_

#include <functional>
#include <mutex>
#include <optional>

#include "service/http_message.h"

namespace recrypt {

class ExpectedReply {
 public:
  void Give(HttpResponse response) {
    std::function<void()> resume;
    {
      const std::lock_guard lock(mutex_);
      response_ = std::move(response);
      resume = std::move(resume_);
    }
    if (resume) resume();
  }
  bool IsGiven() {
    const std::lock_guard lock(mutex_);
    return response_.has_value();
  }
  // `resume` is called once, on the thread that gives the reply, or here.
  void WhenGiven(std::function<void()> resume) {
    {
      const std::lock_guard lock(mutex_);
      if (!response_) {
        resume_ = std::move(resume);
        return;
      }
    }
    resume();
  }
  HttpResponse Take() {
    const std::lock_guard lock(mutex_);
    return std::move(*response_);
  }

 private:
  std::mutex mutex_;  // guards what follows; innermost
  std::optional<HttpResponse> response_;
  std::function<void()> resume_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_EXPECTED_REPLY_H_
