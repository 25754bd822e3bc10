package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterVariable names the program that starts a local control plane:
// fixtures/cluster, built.
const clusterVariable = "BANKSMAN_CLUSTER"

// The longest that a local control plane takes to start, and a rollout in it.
const (
	startTime   = 2 * time.Minute
	rolloutTime = 90 * time.Second
)

// TestClusterScripts gives each folder's script a control plane of its own:
// there is one banksman for a cluster, and one script begins without the
// Delivery definition.
func TestClusterScripts(t *testing.T) {
	program := os.Getenv(clusterVariable)
	if program == "" {
		t.Skipf("needs a local control plane: %s is not set; make test sets it", clusterVariable)
	}
	for _, folder := range []string{"run", "badinput", "orders", "several", "notify", "install"} {
		t.Run(folder, func(t *testing.T) {
			kubeconfig := startControlPlane(t, program)
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "cluster", folder),
				UpdateScripts:       *update,
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("ADMIN", kubeconfig)
					return setUp(e)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"exits":     exits,
					"forge":     startForge,
					"push":      push,
					"head":      takeHead,
					"fault":     breakForge,
					"namespace": makeNamespace,
					"account":   makeAccount,
					"await":     await,
					"deployed":  isDeployed,

					"repository": addRepository,
					"app":        installApp,
					"expand":     expand,
					"port":       freePort,
					"probe":      probe,
					"receiver":   startReceiver,
				},
			})
		})
	}
}

// startControlPlane starts one that ends with the test, however it ends.
func startControlPlane(t *testing.T, program string) (kubeconfig string) {
	t.Helper()
	dir := t.TempDir()
	kubeconfig = filepath.Join(dir, "kubeconfig")
	cmd := exec.CommandContext(t.Context(), program, "up", "--dir", filepath.Join(dir, "cluster"),
		"--kubeconfig", kubeconfig, "--stop-with-stdin")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	alive, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = alive.Close() // which stops it
		_ = cmd.Wait()    // its exit code tells of the stop alone
	})
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(kubeconfig); err == nil {
			return kubeconfig
		}
	}
	t.Fatal("the local control plane did not start")
	return ""
}

// admin is a client that may do everything.
func admin(ts *testscript.TestScript) *kubernetes.Clientset {
	cfg, err := clientcmd.BuildConfigFromFlags("", ts.Getenv("ADMIN"))
	ts.Check(err)
	client, err := kubernetes.NewForConfig(cfg)
	ts.Check(err)
	return client
}

func makeNamespace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: namespace NAME")
	}
	_, err := admin(ts).CoreV1().Namespaces().Create(background(),
		&core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: args[0]}}, metav1.CreateOptions{})
	ts.Check(err)
}

// makeAccount NAME FILE writes a kubeconfig for an account without any rights.
func makeAccount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: account NAME FILE")
	}
	accounts := admin(ts).CoreV1().ServiceAccounts("default")
	_, err := accounts.Create(background(), &core.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: args[0]}}, metav1.CreateOptions{})
	ts.Check(err)
	token, err := accounts.CreateToken(background(), args[0], &authentication.TokenRequest{}, metav1.CreateOptions{})
	ts.Check(err)
	config, err := clientcmd.LoadFromFile(ts.Getenv("ADMIN"))
	ts.Check(err)
	user := config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo]
	user.ClientCertificateData, user.ClientKeyData, user.ClientCertificate, user.ClientKey = nil, nil, "", ""
	user.Token = token.Status.Token
	ts.Check(clientcmd.WriteToFile(*config, ts.MkAbs(args[1])))
	ts.Setenv("SERVER", config.Clusters[config.Contexts[config.CurrentContext].Cluster].Server)
}

// isDeployed NAMESPACE NAME: that Deployment is there.
func isDeployed(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] deployed NAMESPACE NAME")
	}
	_, err := admin(ts).AppsV1().Deployments(args[0]).Get(background(), args[1], metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) != neg:
		ts.Fatalf("Deployment %s/%s: %v", args[0], args[1], err)
	case !neg:
		ts.Check(err)
	}
}

// breakForge STATUS METHOD PATH makes the forge answer with a failure; "fault
// none" ends it.
func breakForge(ts *testscript.TestScript, neg bool, args []string) {
	method, body := http.MethodDelete, ""
	switch {
	case !neg && len(args) == 1 && args[0] == "none":
	case !neg && len(args) == 3:
		method = http.MethodPost
		body = fmt.Sprintf(`{"status":%s,"method":%q,"path":%q,"times":-1}`, args[0], strings.TrimPrefix(args[1], "ANY"), args[2])
	default:
		ts.Fatalf("usage: fault STATUS METHOD|ANY PATH, or fault none")
	}
	request, err := http.NewRequestWithContext(background(), method, ts.Getenv("FORGE")+"/_standin/fail", strings.NewReader(body))
	ts.Check(err)
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	ts.Check(answer.Body.Close())
	if answer.StatusCode >= http.StatusMultipleChoices {
		ts.Fatalf("the forge answers %s", answer.Status)
	}
}

// await PATTERN COMMAND… repeats a command until its output matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND [ARGUMENT…]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(rolloutTime); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("no output matched %s; the last was:\n%s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}

// background is for the commands of scripts, which have no test's context.
func background() context.Context { return context.Background() }
