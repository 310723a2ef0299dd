#include "client/transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "core/protocol/request_names.h"
#include "core/protocol/session.h"

namespace recrypt {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int64_t kMaxConnectMillis = 5000;
constexpr size_t kMaxIdlePerDomain = 8;
constexpr size_t kMaxHeader = 1024;
constexpr int kMaxRetryAfterSeconds = 3600;
constexpr size_t kMaxRequestId = 64;
// A domain that let a request wait this long for nothing is given a pause: whoever comes next is
// told at once, instead of waiting as long again.
constexpr int64_t kSlowMillis = 1000;
constexpr auto kPause = std::chrono::seconds(2);

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using ListHandle = std::unique_ptr<curl_slist, ListDeleter>;

ListHandle Add(ListHandle list, const std::string& text) {
  // On failure the old list stays, and the request lacks a header that the service insists on.
  if (curl_slist* longer = curl_slist_append(list.get(), text.c_str())) {
    static_cast<void>(list.release());
    return ListHandle(longer);
  }
  return list;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

size_t TakeBody(char* data, size_t, size_t size, void* argument) {
  auto* answer = static_cast<HttpAnswer*>(argument);
  // Less than `size` ends the transfer.
  if (size > kMaxAnswerBody - answer->body.size()) return 0;
  answer->body.append(data, size);
  return size;
}

// A header's value, without the white space around it.
std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// In seconds; what is a date instead is not used.
int ReadRetryAfter(std::string_view value) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  return whole ? std::clamp(seconds, 0, kMaxRetryAfterSeconds) : 0;
}

// It is shown to people: nothing but what a service of this protocol says.
std::string ReadRequestId(std::string_view value) {
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  return plain && value.size() <= kMaxRequestId ? std::string(value) : std::string();
}

size_t TakeHeader(char* data, size_t, size_t size, void* argument) {
  auto* answer = static_cast<HttpAnswer*>(argument);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    // Interim answers (100 Continue) have headers of their own.
    answer->mac.clear();
    answer->retry_after_seconds = 0;
    answer->request_id.clear();
  }
  const size_t colon = line.find(':');
  if (colon == line.npos || size > kMaxHeader) return size;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(colon + 1));
  if (EqualsIgnoringCase(name, kResponseMacHeader)) answer->mac = value;
  if (EqualsIgnoringCase(name, "Retry-After")) answer->retry_after_seconds = ReadRetryAfter(value);
  if (EqualsIgnoringCase(name, kRequestIdHeader)) answer->request_id = ReadRequestId(value);
  return size;
}

// More than 0 ends the transfer. Asked once a second, also while nothing comes.
int ShallEnd(void* argument, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(argument) ? 1 : 0;
}

bool IsCertificateProblem(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

std::string Bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

class CurlTransport : public Transport {
 public:
  CurlTransport(const Config& config, Discovery& discovery)
      : config_(config), discovery_(discovery) {
    static const CURLcode library = curl_global_init(CURL_GLOBAL_DEFAULT);
    ready_ = library == CURLE_OK;
  }

  Result<HttpAnswer> Post(const HttpPost& post, int64_t deadline_ms) override {
    if (!ready_) return Fail(ErrorCode::kUnavailable, "the HTTP library does not start");
    if (stopped_) return Fail(ErrorCode::kUnavailable, "no service is asked any more");
    if (const auto failure = PauseOf(post.domain)) return Fail(*failure);
    const auto start = SteadyClock::now();
    auto answer = PostToAny(post, start + std::chrono::milliseconds(deadline_ms));
    const auto end = SteadyClock::now();
    if (!answer && end - start >= std::chrono::milliseconds(kSlowMillis)) {
      const std::lock_guard guard(mutex_);
      pauses_[post.domain] = {end + kPause, answer.error()};
    }
    return answer;
  }

  void Move(const std::string& domain, const ServiceHost& to, std::chrono::seconds lasts) override {
    const std::lock_guard guard(mutex_);
    moves_[domain] = {SteadyClock::now() + lasts, to};
  }

  void ForgetMove(const std::string& domain) override {
    const std::lock_guard guard(mutex_);
    moves_.erase(domain);
  }

  bool Wait(int64_t millis) override {
    std::unique_lock lock(mutex_);
    return !ended_.wait_for(lock, std::chrono::milliseconds(millis), [this] { return !!stopped_; });
  }

  void Stop() override {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
    ended_.notify_all();
  }

 private:
  struct Attempt {
    Result<HttpAnswer> answer;
    bool try_next = false;  // another host may do better
  };
  struct Pause {
    SteadyClock::time_point until;
    Error failure;
  };
  struct Moved {
    SteadyClock::time_point until;
    ServiceHost to;
  };

  std::optional<Error> PauseOf(const std::string& domain) {
    const std::lock_guard guard(mutex_);
    const auto found = pauses_.find(domain);
    if (found == pauses_.end()) return std::nullopt;
    if (SteadyClock::now() < found->second.until) return found->second.failure;
    pauses_.erase(found);
    return std::nullopt;
  }

  std::optional<ServiceHost> MoveOf(const std::string& domain) {
    const std::lock_guard guard(mutex_);
    const auto found = moves_.find(domain);
    if (found == moves_.end()) return std::nullopt;
    if (SteadyClock::now() < found->second.until) return found->second.to;
    moves_.erase(found);
    return std::nullopt;
  }

  Result<HttpAnswer> PostToAny(const HttpPost& post, SteadyClock::time_point end) {
    if (const auto moved = MoveOf(post.domain)) {
      Attempt attempt = PostTo(*moved, post, Left(end));
      if (Left(end) <= 1 || !attempt.try_next) return std::move(attempt.answer);
      ForgetMove(post.domain);
    }
    RECRYPT_ASSIGN(const std::vector<ServiceHost> hosts,
                   discovery_.Find(post.domain, std::max<int64_t>(Left(end) / 2, 1)));
    for (size_t i = 0; i < hosts.size(); ++i) {
      const bool last = i + 1 == hosts.size();
      Attempt attempt = PostTo(hosts[i], post, Left(end));
      if (last || Left(end) <= 1 || !attempt.try_next) return std::move(attempt.answer);
    }
    return Fail(ErrorCode::kUnavailable, "no host of " + post.domain + " answers");
  }

  static int64_t Left(SteadyClock::time_point end) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now());
    return std::max<int64_t>(left.count(), 1);
  }

  CurlHandle TakeIdle(const std::string& domain) {
    const std::lock_guard guard(mutex_);
    std::vector<CurlHandle>& idle = idle_[domain];
    if (idle.empty()) return nullptr;
    CurlHandle handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }

  void GiveBack(const std::string& domain, CurlHandle handle) {
    const std::lock_guard guard(mutex_);
    std::vector<CurlHandle>& idle = idle_[domain];
    if (idle.size() < kMaxIdlePerDomain) idle.push_back(std::move(handle));
  }

  // What is the same for all requests to a domain.
  CurlHandle MakeHandle(const std::string& domain) {
    CurlHandle handle(curl_easy_init());
    CURL* curl = handle.get();
    if (curl == nullptr) return handle;
    const std::string url = "https://" + domain + std::string(kWellKnownPath);
    bool all = curl_easy_setopt(curl, CURLOPT_URL, url.c_str()) == CURLE_OK;
    const auto set = [&all, curl](CURLoption option, auto value) {
      all = curl_easy_setopt(curl, option, value) == CURLE_OK && all;
    };
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_POST, 1L);
    set(CURLOPT_MAXCONNECTS, 4L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_WRITEFUNCTION, TakeBody);
    set(CURLOPT_HEADERFUNCTION, TakeHeader);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, ShallEnd);
    set(CURLOPT_XFERINFODATA, &stopped_);
    const auto service = config_.services.find(domain);
    if (service != config_.services.end() && !service->second.ca_file.empty()) {
      // Where a CA is named, no other one is believed.
      set(CURLOPT_CAINFO, service->second.ca_file.c_str());
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    return all ? std::move(handle) : nullptr;
  }

  Attempt PostTo(const ServiceHost& host, const HttpPost& post, int64_t left_ms) {
    CurlHandle handle = TakeIdle(post.domain);
    if (!handle) handle = MakeHandle(post.domain);
    if (!handle) {
      return {Fail(ErrorCode::kUnavailable, "the HTTP library lacks TLS 1.3"), false};
    }
    CURL* curl = handle.get();
    ListHandle headers = Add(nullptr, "Content-Type: application/json");
    headers = Add(std::move(headers), "Expect:");
    if (!post.authorization.empty()) {
      headers = Add(std::move(headers), "Authorization: " + post.authorization);
    }
    const ListHandle connect_to = Add(
        nullptr, post.domain + ":443:" + Bracketed(host.host) + ":" + std::to_string(host.port));
    HttpAnswer answer;
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(std::min(left_ms, kMaxConnectMillis)));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(left_ms));
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    const Error error = Describe(code, curl, host, post.domain);
    const bool unconnected = FailedToConnect(code, curl);
    // The lists and the body die with this call.
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, nullptr);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, nullptr);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, nullptr);
    if (code != CURLE_OK) return {Fail(error), unconnected};
    GiveBack(post.domain, std::move(handle));
    const bool overloaded = answer.status == 503;
    return {std::move(answer), overloaded};
  }

  static bool FailedToConnect(CURLcode code, CURL* curl) {
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) return true;
    curl_off_t secured = 0;
    curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &secured);
    return code == CURLE_OPERATION_TIMEDOUT && secured == 0;
  }

  static Error Describe(CURLcode code, CURL* curl, const ServiceHost& host,
                        const std::string& domain) {
    std::string why = curl_easy_strerror(code);
    if (IsCertificateProblem(code)) {
      why = "its certificate is not trusted for " + domain + " (" + why + ")";
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
      why = FailedToConnect(code, curl) ? "no connection in time" : "no answer in time";
    } else if (code == CURLE_WRITE_ERROR) {
      why = "its answer is too large";
    }
    return Error{ErrorCode::kUnavailable,
                 "the recryption service of " + domain + " at " + Bracketed(host.host) + ":" +
                     std::to_string(host.port) + ": " + why,
                 0};
  }

  const Config config_;
  Discovery& discovery_;
  bool ready_ = false;
  std::atomic<bool> stopped_{false};
  std::condition_variable ended_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, std::vector<CurlHandle>> idle_;
  std::map<std::string, Pause> pauses_;  // by domain
  std::map<std::string, Moved> moves_;   // by domain
};

}  // namespace

std::unique_ptr<Transport> MakeTransport(const Config& config, Discovery& discovery) {
  return std::make_unique<CurlTransport>(config, discovery);
}

}  // namespace recrypt
