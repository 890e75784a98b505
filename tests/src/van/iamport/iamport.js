// Stands in for i'mport's script: the window is the sandbox's, and no money moves. The shop's page sees what it would
// see of i'mport: IMP.init, IMP.agency, IMP.request_pay, a callback on a PC, m_redirect_url on a phone.
(function () {
  "use strict";
  var source = new URL(document.currentScript.src);
  var old = source.pathname.indexOf("/js/") === 0;
  var store = null, tier = "", open = null;

  function init(code) { agency(code, ""); }

  function agency(code, subMerchant) {
    if (store !== null) { throw new Error("IMP.init was called before"); }
    store = String(code);
    tier = subMerchant;
  }

  function requestPay(param, callback) {
    if (store === null) { throw new Error("IMP.init comes first"); }
    if (open !== null) { throw new Error("a payment window is open"); }
    var mobile = /Android|iPhone|iPad|iPod|Mobile/i.test(navigator.userAgent);
    var form = document.createElement("form");
    form.method = "post";
    form.action = source.origin + "/iamport/window";
    form.acceptCharset = "utf-8";
    form.hidden = true;
    var fields = {
      user_code: store, tier: tier, old: old ? "1" : "", mobile: mobile ? "1" : "",
      callback: typeof callback === "function" ? "1" : "", param: JSON.stringify(param)
    };
    Object.keys(fields).forEach(function (name) {
      var input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = fields[name];
      form.appendChild(input);
    });
    if (!mobile) {
      var frame = document.createElement("iframe");
      frame.name = "imp-iframe";
      frame.id = "imp-iframe";
      frame.title = "i'mport";
      frame.style.cssText = "position:fixed;inset:0;width:100%;height:100%;border:0;background:#fff;z-index:99999";
      document.body.appendChild(frame);
      form.target = frame.name;
      open = { frame: frame, callback: callback };
    }
    document.body.appendChild(form);
    form.submit();
    form.remove();
  }

  window.addEventListener("message", function (event) {
    if (open === null || event.origin !== source.origin || event.source !== open.frame.contentWindow) { return; }
    var done = open;
    open = null;
    done.frame.remove();
    if (event.data.redirect) {
      location.assign(event.data.redirect);
    } else if (typeof done.callback === "function") {
      done.callback(event.data.result);
    }
  });

  window.IMP = { init: init, agency: agency, request_pay: requestPay };
})();
