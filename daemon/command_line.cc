#include "daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <type_traits>

namespace recrypt {

void CommandLine::Declare(CLI::App& app) {
  app.set_version_flag("--version", "recryptd " RECRYPTFS_VERSION);
  for (const Setting& setting : Settings()) {
    const std::string option = "--" + std::string(setting.name);
    const std::string help(setting.help);
    std::visit(
        [&](const auto place) {
          auto& value = given_.*place;
          if constexpr (std::is_same_v<decltype(value), bool&>) {
            app.add_flag(option, value, help);
          } else {
            CLI::Option* added = app.add_option(option, value, help);
            if (!setting.choices.empty()) added->type_name(std::string(setting.choices));
          }
        },
        setting.place);
  }
  app.add_option("--config", file_, "A TOML file of the same settings");
  app.add_flag("--foreground", foreground_, "Stay in the foreground (always)");
  app.add_flag("--check", check_, "Check the settings and do nothing else");
  commands_.Declare(app);
  app_ = &app;
}

Result<ServerConfig> CommandLine::ReadConfig() const {
  ServerConfig config;
  // The file first: the command line has the last word.
  if (!file_.empty()) {
    RECRYPT_ASSIGN(config, LoadConfig(file_, std::move(config)));
  }
  for (const Setting& setting : Settings()) {
    if (app_->count("--" + std::string(setting.name)) > 0) CopySetting(setting, given_, config);
  }
  RECRYPT_TRY(CheckConfig(config));
  return config;
}

}  // namespace recrypt
