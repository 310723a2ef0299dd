// What the tests of the client stand on: real services over TLS on loopback, users with a
// configuration directory of their own, and a transport that can be tampered with.
//
//   TestServices services;                       // example.com and example.net
//   TestUser alice(services, "alice@example.com");
//   alice.client().profiles()…
#ifndef RECRYPT_TESTS_UNIT_CLIENT_WORLD_H_
#define RECRYPT_TESTS_UNIT_CLIENT_WORLD_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/label_admin.h"
#include "client/profile_admin.h"
#include "client/transport.h"
#include "service/server.h"

namespace recrypt {

inline LabelName Label(const std::string& text) { return LabelName::Parse(text).value(); }
inline AccountName Account(const std::string& text) { return AccountName::Parse(text).value(); }
inline LabelExpression Expression(const std::string& text) {
  return LabelExpression::Parse(text).value();
}

// A folder that is gone with the object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text);

// The real time, plus what a test adds.
class TestClock : public Clock {
 public:
  int64_t NowSeconds() const override { return system_.NowSeconds() + offset_ms_ / 1000; }
  int64_t MonotonicMillis() const override { return system_.MonotonicMillis() + offset_ms_; }
  void Advance(int64_t milliseconds) { offset_ms_ += milliseconds; }

 private:
  SystemClock system_;
  std::atomic<int64_t> offset_ms_ = 0;
};

// The recryptd of one domain.
class TestService {
 public:
  explicit TestService(const std::string& domain, const std::string& folder);
  void Stop() { server_.reset(); }
  void Start();
  // From now on it sends all who ask to that address; `moved` as in recryptd.conf(5).
  void SendTo(const std::string& address, const std::string& moved);
  void ServeAgain();
  ServiceAddress address() const { return {address_, config_.state + "/tls.crt"}; }
  std::string udf() const { return server_->fingerprint(); }

 private:
  SystemClock clock_;
  ServerConfig config_;
  std::string address_;
  std::unique_ptr<Server> server_;
};

struct TestServices {
  TestFolder folder;
  TestService com{"example.com", folder / "com"};
  TestService net{"example.net", folder / "net"};
};

// Passes on to the real transport what the test does not want otherwise.
class TamperingTransport : public Transport {
 public:
  using Next = std::function<Result<HttpAnswer>(const HttpPost&)>;
  using Tamper = std::function<Result<HttpAnswer>(const HttpPost&, const Next&)>;

  explicit TamperingTransport(const Config& config);
  Result<HttpAnswer> Post(const HttpPost& post, int64_t deadline_ms) override;
  void Move(const std::string& domain, const ServiceHost& to, std::chrono::seconds lasts) override {
    real_->Move(domain, to, lasts);
  }
  void ForgetMove(const std::string& domain) override { real_->ForgetMove(domain); }

  void SetTamper(Tamper tamper);
  // Every answer is this error.
  void Fail(ErrorCode code, const std::string& message);
  void BeHonest() { SetTamper(nullptr); }
  // What contains `text` is answered once the future is ready.
  void Hold(const std::string& text, std::shared_future<void> until);
  // How many requests were made that contain `text`.
  int Count(const std::string& text);

 private:
  std::unique_ptr<Discovery> discovery_;
  std::unique_ptr<Transport> real_;
  std::mutex mutex_;  // guards all below
  Tamper tamper_;
  std::vector<std::string> bodies_;
};

// An account with its directory. Services are configured, the profile is published.
class TestUser {
 public:
  TestUser(const TestServices& services, const std::string& account);
  // Another process of the same user.
  std::unique_ptr<Client> OpenAnother(TrustPrompt* prompt = nullptr);
  // The same in place of the one in use.
  void Reopen() { client_ = OpenAnother(); }

  Client& client() { return *client_; }
  const Identity& identity() { return client_->keystore().identity(); }
  const AccountName& account() const { return account_; }
  void Trust(TestUser& other);
  LabelAdmin admin() { return LabelAdmin(*client_); }

  TestFolder folder;
  TestClock clock;
  std::unique_ptr<TamperingTransport> transport;

 private:
  ClientOptions Options(TrustPrompt* prompt);

  AccountName account_;
  std::unique_ptr<Client> client_;
};

// alice owns Accounting#example.com at one service; bob, of the other, is a member; carol is none.
struct World {
  World();

  TestServices services;
  TestUser alice{services, "alice@example.com"};
  TestUser bob{services, "bob@example.net"};
  TestUser carol{services, "carol@example.net"};
  LabelName label = Label("Accounting#example.com");
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CLIENT_WORLD_H_
