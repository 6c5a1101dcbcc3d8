#include "io/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Helpers ignore the signals that a terminal or a service manager sends to all; a program is not to inherit that. */
static void reset_signals(void)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &usual, NULL); /* fails for SIGKILL and SIGSTOP, which need it least */
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: all is closed by exec but the standard descriptors, and `said` takes the reason why there was none. */
static _Noreturn void become(char *const argv[], char *const env[], int said)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int wrong = 0;
	reset_signals();
	if (null < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setpgid(0, 0) != 0 || chdir("/") != 0)
		wrong = errno;
	for (int fd = STDIN_FILENO; !wrong && fd <= STDERR_FILENO; fd++)
		wrong = dup2(null, fd) < 0 ? errno : 0;
	if (!wrong && close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		wrong = errno;
	if (!wrong) {
		execve(argv[0], argv, env);
		wrong = errno;
	}
	_exit(write(said, &wrong, sizeof(wrong)) == (ssize_t)sizeof(wrong) ? 126 : 127);
}

/* Waits until the process is a zombie, which keeps its number. False: it was still running. */
static bool has_ended(pid_t pid, msec timeout)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int n;
	if (p.fd < 0)
		return false;
	do /* no signal that is not ignored interrupts a helper, but one that ends it */
		n = poll(&p, 1, (int)timeout);
	while (n < 0 && errno == EINTR);
	close(p.fd);
	return n > 0;
}

static bool judge(int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status) == 0 || err_set(err, "ended with status %d", WEXITSTATUS(status));
}

bool command_run(char *const argv[], char *const env[], msec timeout, struct err *err)
{
	int pair[2], status = 0, wrong = 0;
	if (pipe2(pair, O_CLOEXEC) != 0)
		return err_set(err, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = _Fork(); /* a child that only becomes another program needs no handlers of libraries */
	if (pid == 0)
		become(argv, env, pair[1]);
	int failed = errno;
	close(pair[1]);
	/* Ends with exec, which closes the other end. Where it cannot be read, the program may have been started. */
	bool started = pid > 0 && read(pair[0], &wrong, sizeof(wrong)) <= 0;
	close(pair[0]);
	if (pid < 0)
		return err_set(err, "cannot fork: %s", strerror(failed));
	bool ended = !started || has_ended(pid, timeout);
	if (!ended)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!started)
		return err_set(err, "cannot be started: %s", strerror(wrong));
	return ended ? judge(status, err) : err_set(err, "did not end in time and was killed");
}
