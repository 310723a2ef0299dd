#include "tests/unit/client/world.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace recrypt {

TestFolder::TestFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "recrypt-client-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TestService::TestService(const std::string& domain, const std::string& folder) {
  config_.domain = domain;
  config_.listen = "127.0.0.1:0";
  config_.state = folder;
  config_.self_signed = true;
  config_.audit_sync = "os";
  config_.log_level = "error";
  Start();
}

void TestService::Start() {
  auto server = Server::Start(config_, clock_);
  if (!server) {
    ADD_FAILURE() << server.error().message;
    std::abort();
  }
  server_ = std::move(*server);
  address_ = server_->address();
  // After a restart it is where clients know it to be.
  config_.listen = address_;
}

void TestService::SendTo(const std::string& address, const std::string& moved) {
  Stop();
  config_.moved_to = "https://" + address;
  config_.moved = moved;
  Start();
}

void TestService::ServeAgain() {
  Stop();
  config_.moved_to.clear();
  Start();
}

TamperingTransport::TamperingTransport(const Config& config)
    : discovery_(MakeDiscovery(config)), real_(MakeTransport(config, *discovery_)) {}

Result<HttpAnswer> TamperingTransport::Post(const HttpPost& post, int64_t deadline_ms) {
  Tamper tamper;
  {
    const std::lock_guard guard(mutex_);
    bodies_.push_back(post.body);
    tamper = tamper_;
  }
  const Next next = [this, deadline_ms](const HttpPost& passed) {
    return real_->Post(passed, deadline_ms);
  };
  return tamper ? tamper(post, next) : next(post);
}

void TamperingTransport::SetTamper(Tamper tamper) {
  const std::lock_guard guard(mutex_);
  tamper_ = std::move(tamper);
}

void TamperingTransport::Fail(ErrorCode code, const std::string& message) {
  SetTamper([code, message](const HttpPost&, const Next&) -> Result<HttpAnswer> {
    return recrypt::Fail(code, message);
  });
}

void TamperingTransport::Hold(const std::string& text, std::shared_future<void> until) {
  SetTamper([text, until](const HttpPost& post, const Next& next) {
    if (post.body.find(text) != std::string::npos) until.wait();
    return next(post);
  });
}

int TamperingTransport::Count(const std::string& text) {
  const std::lock_guard guard(mutex_);
  int count = 0;
  for (const std::string& body : bodies_) count += body.find(text) != std::string::npos ? 1 : 0;
  return count;
}

TestUser::TestUser(const TestServices& services, const std::string& account)
    : account_(Account(account)) {
  const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
  EXPECT_TRUE(SetService(directory, "example.com", services.com.address()));
  EXPECT_TRUE(SetService(directory, "example.net", services.net.address()));
  transport = std::make_unique<TamperingTransport>(LoadConfig(directory).value());
  auto profile = CreateProfile(Options(nullptr), {account_, std::nullopt, "test", Sealing::kNone});
  EXPECT_TRUE(profile) << profile.error().message;
  Reopen();
}

ClientOptions TestUser::Options(TrustPrompt* prompt) {
  ClientOptions options;
  options.directory = folder.path();
  options.prompt = prompt;
  options.clock = &clock;
  options.transport = transport.get();
  return options;
}

std::unique_ptr<Client> TestUser::OpenAnother(TrustPrompt* prompt) {
  auto client = Client::Open(Options(prompt));
  EXPECT_TRUE(client) << client.error().message;
  return std::move(*client);
}

void TestUser::Trust(TestUser& other) {
  auto trusted =
      TrustAccount(*client_, other.account(), other.identity().Udf(), PinChange::kRefuse);
  EXPECT_TRUE(trusted) << trusted.error().message;
}

World::World() {
  alice.Trust(bob);
  alice.Trust(carol);
  bob.Trust(alice);
  carol.Trust(alice);
  auto created = alice.admin().Create({label, {}});
  EXPECT_TRUE(created) << created.error().message;
  auto added = alice.admin().AddMember(label, bob.account());
  EXPECT_TRUE(added) << added.error().message;
}

}  // namespace recrypt
